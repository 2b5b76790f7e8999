package sim

var daily = kit{
	words: set(`daily home house kitchen family friends shop shopping grocery groceries recipe recipes meal appointment travel trip hotel gift gifts
		party dinner fitness exercise meditation yoga bills budget bank booking garden repair faucet household children pet wardrobe tax receipts plumber passport park`),
	jobs:       []string{"a nurse with changing shifts", "a father of two who works from home", "a retired mechanic", "an office manager", "a student in a shared flat", "a shop owner who does the books in the evening"},
	traits:     []string{"Plans with lists and forgets where they are.", "Is handy, and wary of online forms.", "Compares prices for longer than it pays.", "Does everything on the phone.", "Answers messages at once and mails never."},
	places:     []string{"A bright kitchen with a tablet on the counter.", "A living room with a laptop on the sofa.", "A hallway full of boxes, a phone in hand.", "A small office behind a shop."},
	entities:   []string{"Calendar App", "Shopping List", "Tablet", "Phone", "Messages", "E-mail Inbox", "Online Shop", "Bank App", "Maps", "Reminder List", "Recipe Collection", "Photo Album", "Travel Site", "Order Form", "Budget Sheet", "Family Chat"},
	operations: []string{"calendar.add(title, time)", "reminder.set(time, text)", "browser.search(query)", "browser.open(url)", "list.add(item)", "form.fill(url, data)", "message.send(person, text)", "prices.compare(product)", "recipe.search(query)", "map.route(place)", "image.read(path)", "message.show(text)"},

	aspects: []string{"the date", "the price", "the details", "the order", "the instructions"},
	start:   []string{"I open {entity} and write a list for {topic}.", "I open {entity} and look at {topic}.", "I open {entity} and make a plan for {topic}."},
	work: []string{
		"I add a note on {topic} to {entity}.", "I compare two offers for {topic} in {entity}.", "I ask a friend about {topic} in {entity}.", "I put a photo of {topic} into {entity}.",
		"I fill in a form for {topic} in {entity}.", "I copy the notes on {topic} from {entity} to {other}.",
	},
	search: []string{
		"I search the web for '{name} step by step' in {entity}.", "I search {entity} for 'advice on {name}'.", "I look up '{name} tips' in {entity}.", "I search for '{name} checklist' in {entity}.",
	},
	check:  []string{"I check the notes on {topic} in {entity} against {other}.", "I review {topic} in {entity}.", "I read the fine print on {topic} in {entity}."},
	finish: []string{"I confirm the choice of {topic} in {entity} and put everything away.", "I mark {topic} as settled in {entity}."},

	steps: []string{
		"The user scrolls through {entity} and taps on {topic}.", "The user types a line about {topic} into {entity}.", "The user switches from {entity} to {other} and looks at {topic}.", "The user saves the entry on {topic} in {entity}.",
		"The user reads the page on {topic} in {entity}.", "The user puts {topic} on a list in {entity}.", "The user opens a photo of {topic} in {entity}.", "The user marks {topic} as important in {entity}.", "The user calls someone about {topic} and takes notes in {entity}.",
		"The user opens the entry 'about {name}' in {entity}.", "The user types 'remember {name}' into {entity}.", "The user selects '{name}, details' in {entity}.",
	},
	repeats: []string{
		"The user goes back and forth about {topic} between {entity} and {other}.", "The user clears the field for {topic} in {entity} and fills it in again.", "The user reads about {topic} in {entity} once more.",
	},
	failures: []string{
		"{entity} shows '{error}' when the user confirms the choice of {topic}.", "The page on {topic} in {entity} answers '{error}'.", "{entity} reports '{error}'.", "A message in {entity} says '{error}'.",
	},
	errors: []string{
		"payment refused: {name}", "sold out: {name}", "could not be booked: {name}", "invalid date: {name}", "this entry has expired: {name}", "wrong number: {name}", "missing from the order: {name}",
	},
	states:   []string{"open at {topic}", "lists {topic}", "holds notes on {topic}", "shows {topic}"},
	troubles: []string{"shows an error about {topic}", "waits for {topic}", "refused {topic}"},
}
