package sim

var coding = kit{
	words: set(`code coding script scripts program programming developer development function algorithm python py java ruby sql html css javascript js react vue swift swiftui
		flask api git github repository editor terminal docker debugger ide postman vscode compiler database endpoint server backend frontend software json rust web`),
	jobs:       []string{"a junior web developer", "a data engineer at a small company", "a student in the second year of computer science", "a system administrator at a school", "a mobile developer who works alone", "a tester who has begun to program"},
	traits:     []string{"Knows one language well and the others by copying.", "Is quick with the keyboard and slow with error messages.", "Reads documentation only when nothing else helps.", "Tests by hand and means to write tests later.", "Is careful with names and careless with edge cases."},
	places:     []string{"A desk with two monitors, an editor on the left and a browser on the right.", "A shared office with a laptop on a standing desk.", "A kitchen table with a laptop and a cup of coffee.", "A computer lab late in the day."},
	entities:   []string{"Visual Studio Code", "Terminal", "Chrome", "main.py", "README.md", "test_main.py", "Git repository", "Issue tracker", "Stack Overflow", "Docker Desktop", "settings.json", "Postman", "Debugger", "Slack", "SQLite browser", "package.json", "Build log"},
	operations: []string{"file.open(path)", "file.save(path, content)", "terminal.run(command)", "browser.search(query)", "browser.open(url)", "code.suggest_fix(error_message, snippet)", "code.refactor(snippet)", "tests.run(path)", "docs.search(keyword)", "git.commit(message)", "editor.highlight(path, line)", "message.show(text)"},

	aspects: []string{"the edge cases", "the input checks", "the return value", "the tests", "the loop", "the naming"},
	start:   []string{"I open {entity} and start on {topic}.", "I create a new file in {entity} for {topic}.", "I open {entity} and read my notes on {topic}."},
	work: []string{
		"I write the first lines of {topic} in {entity}.", "I run {topic} in {entity} and read the output.", "I change {topic} in {entity} and save it.",
		"I move part of {topic} from {entity} to {other}.", "I add a print statement to {topic} in {entity}.", "I copy a snippet about {topic} from {other} to {entity}.",
	},
	search: []string{
		"I search the web for 'how to handle {topic}' in {entity}.", "I search {entity} for 'example of {topic}'.", "I look up '{topic}' in the documentation with {entity}.", "I search for 'best practice {topic}' in {entity}.",
	},
	check:  []string{"I check {topic} in {entity} with a small input.", "I review the changes to {topic} in {entity}.", "I compare {topic} in {entity} with {other}."},
	finish: []string{"I run everything once and commit {topic} in {entity}.", "I clean {topic} up and close {entity}."},

	steps: []string{
		"The user types several lines for {topic} in {entity}.", "The user scrolls through {entity} and selects the part on {topic}.", "The user switches from {entity} to {other} and reads.",
		"The user saves {topic} in {entity}.", "The user opens a new tab beside {entity}.", "The user steps through {topic} in {entity}.", "The user renames a variable of {topic} in {entity}.",
		"The user pastes a snippet for {topic} into {entity}.", "The user folds the finished part of {topic} in {entity}.",
	},
	repeats: []string{
		"The user goes back and forth between {entity} and {other} over {topic}.", "The user deletes the lines for {topic} in {entity} and types them again.", "The user runs {topic} in {entity} for the third time.",
	},
	failures: []string{
		"{entity} shows '{error}' when the user runs {topic}.", "Running {topic} stops with '{error}' in {entity}.", "A test of {topic} fails in {entity} with '{error}'.", "{entity} underlines {topic} in red: '{error}'.",
	},
	errors: []string{
		"TypeError: unsupported value in {topic}", "error: undefined name in {topic}", "IndexError: {topic} out of range", "SyntaxError: invalid end of {topic}", "exception: {topic} timed out",
		"import error: module for {topic} not found", "assertion failed: {topic} returned nothing",
	},
	states:   []string{"open, {topic} half written", "saved with {topic}", "shows {topic}", "unsaved changes to {topic}"},
	troubles: []string{"shows an error about {topic}", "stopped at {topic}", "last run of {topic} failed"},
}
