package sim

import (
	"regexp"
	"strings"
	"unicode"
)

// A phrase is what a sentence names in a few words, without an article.
type phrase struct {
	text string
	// name is set for what has a name of its own: every word has a capital, or it
	// is a file.
	name bool
	// vague is set for what is found in every text, such as "next page".
	vague bool
}

// phrases returns the runs of words between stop words, verbs, adverbs, numbers
// and punctuation, in order.
func phrases(text string) []phrase {
	var out []phrase
	var run []string
	flush := func() {
		if len(run) > 0 {
			out = append(out, phraseOf(run))
		}
		run = nil
	}
	before := ""
	for i, field := range strings.Fields(strings.ReplaceAll(text, "/", " / ")) {
		if strings.HasPrefix(field, "(") {
			flush()
		}
		w := strings.TrimFunc(field, notWord)
		w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
		low := strings.ToLower(w)
		named := i > 0 && w != low && w != "I" || strings.Contains(w, ".") && fileName.MatchString(w)
		switch {
		case w == "", !named && (stop[low] || fillers[low] || isNumber(w) || isCall(w) || isAdverb(low) || isVerb(low, before, len(run) > 0)):
			flush()
		default:
			run = append(run, w)
			if strings.ContainsAny(field[len(field)-1:], ".,;:!?)'") && w != "Dr" {
				flush()
			}
		}
		before = low
	}
	flush()
	return out
}

func phraseOf(run []string) phrase {
	p := phrase{name: true, vague: true}
	for _, w := range run {
		if first := []rune(w)[0]; !unicode.IsUpper(first) && !unicode.IsDigit(first) && !fileName.MatchString(w) {
			p.name = false
		}
		if !vague[strings.ToLower(w)] {
			p.vague = false
		}
	}
	if most := 3; !p.name && len(run) > most {
		run = run[len(run)-most:]
	}
	p.text = strings.Join(run, " ")
	return p
}

// isVerb tells whether a word is a verb where it stands: after an article, an
// adjective in -ly or, uninflected, a noun, it is a noun, as in "search results".
// After "to" any word is one, and so is any in -ing after "by" and its like.
func isVerb(low, before string, inRun bool) bool {
	if before == "to" || strings.HasSuffix(low, "ing") && gerunds[before] {
		return true
	}
	verb := stem(low)
	if n := len(verb); n > 3 && verb[n-1] == verb[n-2] && low != verb { // "running"
		verb = verb[:n-1]
	}
	if !verbs[verb] && !verbs[stem(low)] && !strings.HasSuffix(low, "ize") && !strings.HasSuffix(low, "ify") {
		return false
	}
	inflected := strings.HasSuffix(low, "s") || strings.HasSuffix(low, "ed") || strings.HasSuffix(low, "ing")
	return !articles[before] && (!inRun || inflected && !strings.HasSuffix(before, "ly"))
}

func isAdverb(low string) bool {
	return len(low) > 4 && strings.HasSuffix(low, "ly") && !strings.Contains(low, "-") && !adjectives[low]
}

func isNumber(w string) bool {
	return strings.IndexFunc(w, func(r rune) bool { return !unicode.IsDigit(r) && !unicode.IsPunct(r) }) < 0
}

// isCall tells "message.show" and "e.g" from words.
func isCall(w string) bool { return strings.ContainsAny(w, "._(") && !fileName.MatchString(w) }

var fileName = regexp.MustCompile(`^\S+\.(py|rb|go|rs|js|ts|html|css|json|ya?ml|toml|sql|csv|md|txt|docx?|xlsx?|pptx?|pdf|png|jpe?g|log|sh)$`)

// subject is the phrase that a text is about: the last of the longest, and names
// or vague ones only where there is no other.
func subject(text string) string {
	best, most := "", -100
	for _, p := range phrases(text) {
		n := strings.Count(p.text, " ")
		if p.name {
			n -= 10
		}
		if p.vague {
			n -= 20
		}
		if n >= most {
			best, most = p.text, n
		}
	}
	return best
}

// the puts an article before a phrase that is no name.
func the(p string) string {
	last := []rune(p[strings.LastIndexByte(p, ' ')+1:])
	if len(last) == 0 || !unicode.IsLower(last[0]) || fileName.MatchString(p) {
		return p
	}
	return "the " + p
}

// bare takes articles and quotes off again.
func bare(p string) string {
	p = strings.ReplaceAll(strings.TrimPrefix(p, "the "), " of the ", " of ")
	return strings.Trim(p, "'")
}

// A gist is what a text is about, with articles or in quotes.
type gist struct {
	topic string // never empty
	// object is the thing that it happens to, and other another; "" where none is named.
	object, other string
}

// about reads the gist of a text. What is quoted is the topic where it says what
// the need is; elsewhere it is one thing among others.
func about(text string, quoted bool) gist {
	var g gist
	rest, quote := text, ""
	for i, q := range quotes(text) {
		if i == 0 {
			quote = "'" + q + "'"
		}
		rest = strings.ReplaceAll(rest, q, ",")
	}
	var names []string
	noun, vague := "", ""
	for _, p := range phrases(rest) {
		switch {
		case p.name:
			names = append(names, p.text)
		case p.vague:
			vague = the(p.text)
		case strings.Count(p.text, " ") >= strings.Count(bare(noun), " "):
			noun = the(p.text)
		}
	}
	if n := len(names); n > 0 {
		g.object = names[n-1]
		if n > 1 && names[n-2] != g.object {
			g.other = names[n-2]
		}
	}
	switch {
	case quoted && quote != "":
		g.topic = quote
	case noun != "":
		g.topic = noun
	case quote != "":
		g.topic = quote
	case g.other != "":
		g.topic, g.other = g.other, ""
	case vague != "":
		g.topic = vague
	case g.object != "":
		g.topic, g.object = g.object, ""
	default:
		g.topic = "the current step"
	}
	if g.object == "" && noun != g.topic {
		g.object = noun
	}
	return g
}

func gistOf(event string) gist {
	return about(event, cueOf(event) != noCue || strings.HasPrefix(event, "The agent"))
}

// fill writes a form about a gist; {in} is " in " and the object, where there is one.
func (g gist) fill(form string) string {
	in := ""
	if g.object != "" && g.object != g.topic {
		in = " in " + g.object
	}
	return fill(form, "topic", g.topic, "in", in, "object", g.object, "other", g.other)
}

// stems is a set of verbs by the stems of all their forms.
func stems(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w], m[stem(w)] = true, true
		if short, ok := strings.CutSuffix(w, "y"); ok {
			m[short+"i"] = true // as in "copies" and "copied"
		}
	}
	return m
}

var (
	// verbs, stemmed, say what is done and not to what.
	verbs = stems(`open close start begin stop use type click scroll switch return go goes move make take get give look see show run work search find check review read
		write edit save select choose copy paste add remove delete change try create implement design build develop plan prepare compare research investigate
		analyze analyse conduct handle manage schedule book organize clean repair buy host draft fix set keep put need want help include perform receive compile
		update attend respond identify modify renew rewrite sort summarize send commit confirm tick drag highlight fold call tap fill count undo mark adapt mean
		list appear pop arrive underline rename step report answer fail differ print load suit agree deliver split filter convert display detect solve interact
		assist recommend purchase pay submit wash wipe donate dispose rearrange maintain settle trace explain point draw enter increase decrease simulate ensure
		allow scrape store publish explore gather track sign log cook bake invite borrow happen wait pause learn fit using travel succeed welcome guide deserve finish pass exist train exit calculate`)
	// articles come before nouns.
	articles = set("a an the my your his her its their our of each every no some any new first second third next last several many few two three four five six seven eight")
	gerunds  = set("by while without when after before")
	// adjectives that end like adverbs, and nouns that do.
	adjectives = set("family supply reply assembly early daily weekly monthly yearly nightly hourly friendly elderly july italy fly")
	// fillers never belong to a name of something.
	fillers = set(`best good better cheap cheaper cheapest fast faster nearby quick easy easily detailed whom example examples explained tips beginners guide practice
		step steps such like etc via through beside between along around away off toward towards against aside during since until among amongst throughout despite
		please also could similar specific suitable various due across onto time times daily today tomorrow everyone someone everything anything nothing work prices nearest side eat checklist overview advice different according taken made given written seen found kept delivered`)
	// vague words are found in texts about anything.
	vague = set(`ready outcome online clean complex healthy personal total average popular major latest leading important annual choice entry entries fine page pages part parts line lines row rows list lists note notes section sections paragraph passage sentence sentences heading headings title word words
		snippet variable tab tabs field fields photo photos picture figure figures footnote quotation message messages difference differences thing point points
		detail details way version print statement small short long large input inputs output working finished final result results text texts button link mouse left
		right cursor file files folder folders window windows screen top side summary edge case cases checks return value tests test loop naming introduction claim main
		sources conclusion table date dates price order orders instructions number numbers code changes reminder notification update e-mail email subject unread web
		attention error everything seconds minutes browser app application tool tools format top offers offer friend print code help answer question query`)
)
