package sim

var daily = kit{
	jobs:       []string{"a nurse with changing shifts", "a father of two who works from home", "a retired mechanic", "an office manager", "a student in a shared flat", "a shop owner who does the books in the evening"},
	traits:     []string{"Plans with lists and forgets where they are.", "Is handy, and wary of online forms.", "Compares prices for longer than it pays.", "Does everything on the phone.", "Answers messages at once and mails never."},
	places:     []string{"A bright kitchen with a tablet on the counter.", "A living room with a laptop on the sofa.", "A hallway full of boxes, a phone in hand.", "A small office behind a shop."},
	entities:   []string{"Calendar app", "Shopping list", "Tablet", "Phone", "Messages", "E-mail inbox", "Online shop", "Bank app", "Maps", "Reminder list", "Recipe collection", "Photo album", "Tool box", "Booking form", "Budget sheet", "Family chat"},
	operations: []string{"calendar.add(title, time)", "reminder.set(time, text)", "browser.search(query)", "browser.open(url)", "list.add(item)", "form.fill(url, data)", "message.send(person, text)", "prices.compare(product)", "recipe.search(query)", "map.route(place)", "image.read(path)", "message.show(text)"},

	aspects: []string{"the date", "the price", "the list", "the details", "the order", "the instructions"},
	start:   []string{"I open {entity} and write down what {topic} takes.", "I open {entity} and look at {topic}.", "I take {entity} and make a plan for {topic}."},
	work: []string{
		"I add {topic} to {entity}.", "I compare two offers for {topic} in {entity}.", "I write to a friend about {topic} with {entity}.", "I take a photo of {topic} and put it into {entity}.",
		"I fill in {topic} in {entity}.", "I move {topic} from {entity} to {other}.",
	},
	search: []string{
		"I search the web for '{topic} step by step' on {entity}.", "I search {entity} for '{topic} nearby'.", "I look up 'opening hours for {topic}' with {entity}.", "I search for 'cheap {topic}' on {entity}.",
	},
	check:  []string{"I check {topic} in {entity} against {other}.", "I review {topic} in {entity}.", "I read the small print on {topic} in {entity}."},
	finish: []string{"I confirm {topic} in {entity} and put everything away.", "I tick {topic} off in {entity}."},

	steps: []string{
		"The user scrolls through {entity} and taps on {topic}.", "The user types a line about {topic} into {entity}.", "The user switches from {entity} to {other}.", "The user saves {topic} in {entity}.",
		"The user reads the page on {topic} in {entity}.", "The user puts {topic} on the list in {entity}.", "The user opens a photo of {topic} in {entity}.", "The user marks {topic} as done in {entity}.", "The user calls someone about {topic} and takes notes in {entity}.",
	},
	repeats: []string{
		"The user goes back and forth between {entity} and {other} over {topic}.", "The user clears the field for {topic} in {entity} and fills it in again.", "The user counts {topic} in {entity} once more.",
	},
	failures: []string{
		"{entity} shows '{error}' when the user confirms {topic}.", "The page for {topic} answers '{error}' in {entity}.", "{entity} reports '{error}' about {topic}.", "A message in {entity} says '{error}' about {topic}.",
	},
	errors: []string{
		"payment refused for {topic}", "sold out: {topic}", "no free slot, {topic} could not be booked", "invalid date for {topic}", "the code for {topic} has expired", "wrong size of {topic}", "{topic} is missing from the order",
	},
	states:   []string{"open at {topic}", "lists {topic}", "{topic} entered", "shows {topic}"},
	troubles: []string{"shows an error about {topic}", "{topic} not confirmed", "waiting for {topic}"},
}
