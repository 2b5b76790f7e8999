package sim

var coding = kit{
	words: set(`code coding script scripts program programming developer development function algorithm python py java ruby sql html css javascript js react vue swift swiftui
		flask api git github repository editor terminal docker debugger ide postman vscode compiler database endpoint server backend frontend software json rust web`),
	jobs:       []string{"a junior web developer", "a data engineer at a small company", "a student in the second year of computer science", "a system administrator at a school", "a mobile developer who works alone", "a tester who has begun to program"},
	traits:     []string{"Knows one language well and the others by copying.", "Is quick with the keyboard and slow with error messages.", "Reads documentation only when nothing else helps.", "Tests by hand and means to write tests later.", "Is careful with names and careless with edge cases."},
	places:     []string{"A desk with two monitors, an editor on the left and a browser on the right.", "A shared office with a laptop on a standing desk.", "A kitchen table with a laptop and a cup of coffee.", "A computer lab late in the day."},
	entities:   []string{"Visual Studio Code", "Terminal", "Chrome", "main.py", "README.md", "test_main.py", "Git Repository", "Issue Tracker", "Stack Overflow", "Docker Desktop", "settings.json", "Postman", "Debugger", "Slack", "SQLite Browser", "package.json", "Server Log"},
	operations: []string{"file.open(path)", "file.save(path, content)", "terminal.run(command)", "browser.search(query)", "browser.open(url)", "code.suggest_fix(error_message, snippet)", "code.refactor(snippet)", "tests.run(path)", "docs.search(keyword)", "git.commit(message)", "editor.highlight(path, line)", "message.show(text)"},

	aspects: []string{"the edge cases", "the input checks", "the return value", "the tests", "the loop", "the naming"},
	start:   []string{"I open {entity} and start on {topic}.", "I create a new file in {entity} for {topic}.", "I open {entity} and read my notes on {topic}."},
	work: []string{
		"I write the first lines for {topic} in {entity}.", "I run the code for {topic} in {entity} and read the output.", "I change the code for {topic} in {entity} and save it.",
		"I move a part of {topic} from {entity} to {other}.", "I add a print statement for {topic} in {entity}.", "I copy a snippet on {topic} from {other} to {entity}.",
	},
	search: []string{
		"I search the web for '{name} example' in {entity}.", "I search {entity} for '{name} explained'.", "I look up '{name} for beginners' in {entity}.", "I search for '{name} best practice' in {entity}.",
	},
	check:  []string{"I check {topic} in {entity} with a small input.", "I review the changes to {topic} in {entity}.", "I compare {topic} in {entity} with the version in {other}."},
	finish: []string{"I run everything once and save {topic} in {entity}.", "I clean up the code for {topic} and close {entity}."},

	steps: []string{
		"The user types several lines for {topic} in {entity}.", "The user scrolls through {entity} and selects the part on {topic}.", "The user switches from {entity} to {other} and reads about {topic}.",
		"The user saves the code for {topic} in {entity}.", "The user opens a new tab on {topic} in {entity}.", "The user steps through the code for {topic} in {entity}.",
		"The user renames the variable '{id}' in {entity}.", "The user pastes a snippet for {topic} into {entity}.", "The user folds the finished part of {topic} in {entity}.",
		"The user opens the file '{file}.md' in {entity}.", "The user types 'def {id}():' in {entity}.", "The user selects the comment 'start of {name}' in {entity}.",
	},
	repeats: []string{
		"The user goes back and forth about {topic} between {entity} and {other}.", "The user deletes the lines for {topic} in {entity} and types them again.", "The user runs the code for {topic} in {entity} for the third time.",
	},
	failures: []string{
		"{entity} shows '{error}' while the user works on {topic}.", "A run of the code for {topic} stops in {entity} with '{error}'.", "A test of {topic} fails in {entity} with '{error}'.", "{entity} marks a line of {topic} in red: '{error}'.",
	},
	errors: []string{
		"TypeError: unsupported value in {id}", "error: undefined name {id}", "IndexError: {id} out of range", "SyntaxError: invalid end of {id}", "TimeoutError: {id} did not answer",
		"ImportError: module {id} not found", "assertion failed: {id} returned nothing",
	},
	states:   []string{"open at the code for {topic}", "saved with {topic}", "shows {topic}", "unsaved changes to {topic}"},
	troubles: []string{"shows an error about {topic}", "stopped at {topic}", "the last run for {topic} failed"},
}
