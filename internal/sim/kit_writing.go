package sim

var writing = kit{
	words: set(`write writes writing writer draft report reports article essay blog newsletter research researcher compare comparison investigate analysis analyst review reviews
		proposal thesis literature content word document documents spreadsheet reference sources outline notes survey citation journal library policy market editor publisher study`),
	jobs:       []string{"a freelance journalist", "a policy officer at a city council", "a student who is working on a thesis", "a content editor at a small publisher", "a market analyst", "a teacher who writes on the side"},
	traits:     []string{"Writes fluently but loses track of sources.", "Collects far more material than needed.", "Is exact with figures and slow with first sentences.", "Rewrites the opening ten times.", "Prefers tables to paragraphs."},
	places:     []string{"A small study with a laptop, a printer and a shelf of folders.", "A library table by the window.", "An open-plan office with headphones on.", "A train seat with a folding table and a laptop."},
	entities:   []string{"Word Processor", "Firefox", "Notes App", "Spreadsheet", "Reference Manager", "outline.docx", "Sources Folder", "PDF Reader", "E-mail", "Online Thesaurus", "Comparison Table", "Survey Results", "Style Guide", "Calendar", "Image Library"},
	operations: []string{"document.open(path)", "document.save(path, content)", "browser.search(query)", "browser.open(url)", "text.summarize(content)", "text.outline(topic)", "text.check_grammar(content)", "table.create(rows, columns)", "sources.cite(title, style)", "email.draft(recipient, subject)", "chart.create(data, kind)", "message.show(text)"},

	aspects: []string{"the introduction", "the figures", "the main claim", "the sources", "the conclusion", "the table"},
	start:   []string{"I open {entity} and write a working title for {topic}.", "I open {entity} and list what is known about {topic}.", "I start an outline on {topic} in {entity}."},
	work: []string{
		"I write a paragraph on {topic} in {entity}.", "I copy a figure on {topic} from {other} to {entity}.", "I move the section on {topic} up in {entity}.", "I read a long page on {topic} in {entity}.",
		"I add a row for {topic} to {entity}.", "I edit the sentence on {topic} in {entity}.",
	},
	search: []string{
		"I search the web for '{name} examples' in {entity}.", "I search {entity} for '{name} overview'.", "I look up '{name} explained' in {entity}.", "I search for '{name} guide' in {entity}.",
	},
	check:  []string{"I check the figures on {topic} in {entity} against {other}.", "I review what {entity} says about {topic}.", "I compare two versions of {topic} in {entity}."},
	finish: []string{"I review {topic} in {entity} and save the final version.", "I read {topic} aloud in {entity} and send it off."},

	steps: []string{
		"The user types two sentences about {topic} in {entity}.", "The user highlights a passage on {topic} in {entity}.", "The user scrolls through {entity} and opens a page on {topic}.", "The user switches from {entity} to {other} and reads about {topic}.",
		"The user saves the section on {topic} in {entity}.", "The user drags a picture for {topic} into {entity}.", "The user adds a footnote on {topic} in {entity}.", "The user copies a quotation about {topic} into {entity}.", "The user changes the heading for {topic} in {entity}.",
		"The user opens the file '{file}.pdf' in {entity}.", "The user types 'Notes on {name}' in {entity}.", "The user marks the words 'as for {name}' in {entity}.",
	},
	repeats: []string{
		"The user deletes the sentence on {topic} in {entity} and writes it again.", "The user goes back and forth about {topic} between {entity} and {other}.", "The user opens the same page on {topic} for the third time in {entity}.",
	},
	failures: []string{
		"{entity} reports '{error}' while the user works on {topic}.", "The page on {topic} does not load in {entity}: '{error}'.", "{entity} closes without saving {topic}: '{error}'.", "The numbers for {topic} in {entity} and {other} differ: '{error}'.",
	},
	errors: []string{
		"page not found: {name}", "wrong sum: {name}", "file is locked, {name} could not be saved", "missing source: {name}", "export failed: {name}", "access denied: {name}",
	},
	states:   []string{"open at {topic}", "holds a draft on {topic}", "holds notes on {topic}", "saved with {topic}"},
	troubles: []string{"shows an error about {topic}", "{name} not saved", "figures on {topic} in doubt"},
}
