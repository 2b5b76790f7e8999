package experiment

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
)

// TestEveryCronMistakeHasItsMessage: each says which field, what is wrong and what to write.
func TestEveryCronMistakeHasItsMessage(t *testing.T) {
	said := map[string]string{}
	for expression, want := range map[string]string{
		"0 3 * *": "has 4 fields", "0 0 3 * * *": "has six fields: seconds", "": "has 0 fields", "0 3 * * * * *": "has 7 fields",
		"@daily": "write 0 0 * * *", "@weekly": "write 0 0 * * 0", "@every 1h": "words that begin with @", "@reboot": "words that begin with @",
		"TZ=UTC 0 3 * * *": "give it as timezone, and leave TZ= out", "CRON_TZ=UTC 0 3 * * *": "leave CRON_TZ= out",
		"60 3 * * *": "minute: 60 is out of range; use 0 to 59", "0 24 * * *": "hour: 24 is out of range; use 0 to 23",
		"0 3 0 * *": "day of month: 0 is out of range; use 1 to 31", "0 3 32 * *": "day of month: 32 is out of range", "0 3 * 13 *": "month: 13 is out of range; use 1 to 12, or JAN to DEC",
		"0 3 * * 8": "day of week: 8 is out of range; use 0 (Sunday) to 6", "0 3 * * someday": `"someday" is no day of week`, "0 3 * * Monday": `"Monday" is no day of week`,
		"0 3 * MON *": `"MON" is no month`, "-5 3 * * *": "a range lacks its beginning", "5- 3 * * *": "a range lacks its beginning or end", "+5 3 * * *": `"+5" is no minute`,
		"0 22-2 * * *": "hour: 22-2 runs backwards; write it as two, 22-23,0-2", "0 3 * * FRI-MON": "FRI-MON runs backwards; write it as two, FRI-6,0-MON", "0 3 * * MON-SUN": "MON-SUN runs backwards; write it as two, MON-6,0", "0 3 * * SAT-1": "write it as two, SAT,0-1",
		"*/0 * * * *": `the step "0" is no number above 0`, "*/x * * * *": `the step "x" is no number`, "*/ * * * *": `the step "" is no number`, "*/90 * * * *": "a step of 90 is longer than the field",
		"1,,2 3 * * *": "is empty between commas", "0 3 * * ,": "day of week: is empty between commas", "*-5 3 * * *": "nothing can follow * but a step",
		"0 3 L * *": "day of month: \"L\": L, W, # and H are of other dialects", "0 3 15W * *": "other dialects", "0 3 * * 1#2": "other dialects", "H 3 * * *": "other dialects",
		"0 3 30 2 *": "is a day that never comes", "0 3 31 2,4,6,9,11 *": "is a day that never comes",
		" 0 3 * * *": "white space around its fields", "0\t3 * * *": "white space around its fields",
	} {
		message, fix := cronFault(expression)
		if got := message + "; " + fix; message == "" || fix == "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", expression, got, want)
		}
		said[message+fix] = expression
		if rules["cron"].holds(expression) {
			t.Errorf("%q is held to be good", expression)
		}
	}
	if len(said) < 30 {
		t.Errorf("%d messages: mistakes share one", len(said))
	}
}

// TestSundayIsSevenToo: what names Sunday as 7 is compiled as Argo reads it.
func TestSundayIsSevenToo(t *testing.T) {
	for expression, want := range map[string]string{
		"0 3 * * 7": "0 3 * * 0", "0 3 * * 5-7": "0 3 * * 0,5,6", "0 3 * * 1-7": "0 3 * * 0,1,2,3,4,5,6", "0 3 * * 7,3": "0 3 * * 0,3", "0 3 * * MON,7": "0 3 * * 0,1",
		"0 3 * * 1-7/2": "0 3 * * 0,1,3,5", "0 3 * * 0-7": "0 3 * * 0,1,2,3,4,5,6", "0 3 * * 7/2": "0 3 * * 0", "0 3 * * SAT-7": "0 3 * * 0,6",
		"7 7 7 7 *": "7 7 7 7 *", "0 3 * * 0": "0 3 * * 0", "0 3 * * SUN-TUE": "0 3 * * SUN-TUE", "*/5 * ? * mon": "*/5 * ? * mon", "0 3 29 2 *": "0 3 29 2 *",
	} {
		if message, fix := cronFault(expression); message != "" || !rules["cron"].holds(expression) {
			t.Errorf("%q: %s; %s", expression, message, fix)
		}
		got := withSundayZero(expression)
		if got != want {
			t.Errorf("%q became %q, want %q", expression, got, want)
		}
		if _, err := cron.ParseStandard(got); err != nil {
			t.Errorf("%q: Argo's parser: %v", got, err)
		}
	}
	e := load(t, "testdata/good/schedule.yaml", Options{Set: []string{`schedule.cron=["0 3 * * 7", "0 4 * * 5-7"]`}})
	if got := e.Spec.Schedule.Cron; !slices.Equal(got, []string{"0 3 * * 0", "0 4 * * 0,5,6"}) {
		t.Errorf("schedule %q", got)
	}
	_, err := Load("f", []byte(read(t, "testdata/good/schedule.yaml")), Options{Set: []string{`schedule.cron=["0 3 * * 7", "0 3 * * 0"]`}})
	if err == nil || !strings.Contains(err.Error(), "spec.schedule.cron[1]: is the same as element 0") {
		t.Errorf("two expressions of one time: %v", err)
	}
}

// TestOnlyIANAZones: a zone is valid or not whatever lies on the machine that asks.
func TestOnlyIANAZones(t *testing.T) {
	for zone, want := range map[string]string{
		"Local": "another zone on every machine", "localtime": "another zone on every machine", "posixrules": "a file of zone data", "Factory": "a file of zone data", "": "is empty",
		"right/UTC": "use UTC", "posix/Europe/Berlin": "use Europe/Berlin", "europe/berlin": "is not spelt as IANA does; use Europe/Berlin", "utc": "use UTC",
		"America/New York": "use America/New_York", "Berlin": "did you mean Europe/Berlin?", "Europe/Berln": "did you mean Europe/Berlin?",
		"UTC+2": "is an offset, and no zone; name a place, such as Europe/Berlin, or use Etc/GMT-2, which is UTC+2", "+02:00": "use Etc/GMT-2", "GMT-5": "use Etc/GMT+5", "+05:30": "is an offset",
		"PST": "is an abbreviation", "IST": "is an abbreviation", "CEST": "is an abbreviation", "Mars/Olympus": "is no IANA time zone", "../UTC": "is no IANA time zone", "Europe": "is no IANA time zone",
	} {
		message, fix := zoneFault(zone)
		if got := message + "; " + fix; message == "" || fix == "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", zone, got, want)
		}
		if rules["timezone"].holds(zone) {
			t.Errorf("%q is held to be good", zone)
		}
	}
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT-2", "EST5EDT", "US/Pacific"} {
		if message, _ := zoneFault(zone); message != "" || !rules["timezone"].holds(zone) {
			t.Errorf("%q: %s", zone, message)
		}
	}
}

// TestZonesAreGos: the binary has the data of each name in the list, and no other.
func TestZonesAreGos(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, zones()) {
		t.Errorf("zones.txt has %d names, and Go's data %d: write it anew", len(zones()), len(names))
	}
}
