package redact

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/llm"
)

func conversationOf(texts ...string) []llm.Message {
	var list []llm.Message
	for i, s := range texts {
		list = append(list, llm.Message{Role: []string{llm.System, llm.User, llm.Assistant}[min(i, 1+i%2)], Content: s})
	}
	return list
}

func redacted(texts ...string) []string {
	var list []string
	for _, m := range Messages(conversationOf(texts...)) {
		list = append(list, m.Content)
	}
	return list
}

// No key below is anybody's.
const (
	hex32 = "9f86d081884c7d659a2feaa0c55ad015"
	jwt   = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	body  = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
)

func TestFinds(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// E-mail addresses.
		{"Mail jane.doe+test@mail.example.co.uk.", "Mail [email 1]."},
		{"From: \"Jane\" <JANE@Example.com>, cc jane@example.com; bob_1@example.org", "From: \"Jane\" <[email 1]>, cc [email 1]; [email 2]"},
		{"mailto:a@b.de?subject=x", "mailto:[email 1]?subject=x"},
		{"GET /login?user=jane%40example.com&x=1", "GET /login?user=[email 1]&x=1"},
		{"联系jane@example.com吧", "联系[email 1]吧"},
		{"postgres://admin:hunter2@db.example.com:5432/x", "postgres://admin:[key 1]@db.example.com:5432/x"},
		{"Author: J <12345+jane@users.noreply.example.com>", "Author: J <[email 1]>"},
		// Telephone numbers.
		{"Call +49 30 1234567 now", "Call [phone 1] now"},
		{"+1 (555) 234-5678, +15552345678 and +1-555-234-5678", "[phone 1], [phone 1] and [phone 1]"},
		{"Ring +442079460958.", "Ring [phone 1]."},
		{"+33 1 23 45 67 89", "[phone 1]"},
		{"+86 138 1234 5678", "[phone 1]"},
		{"+49 (0)30 1234567", "[phone 1]"},
		{"(+49) 171 1234567", "[phone 1]"},
		{"0049 171 1234567", "[phone 1]"},
		{"(555) 234-5678 or 555-234-5679 or 555.234.5670", "[phone 1] or [phone 2] or [phone 3]"},
		{"1-800-555-1234", "[phone 1]"},
		{"office: 020 7946 0958, mobile 07700 900123", "office: [phone 1], mobile [phone 2]"},
		{"Tel. 0171/1234567 (030 1234567)", "Tel. [phone 1] ([phone 2])"},
		{"(030) 1234567", "[phone 1]"},
		{"01 23 45 67 89", "[phone 1]"},
		{"03-1234-5678", "[phone 1]"},
		{"0755-12345678", "[phone 1]"},
		{"138 1234 5678 or 139-1234-5678", "[phone 1] or [phone 2]"},
		{"手机号：13812345678", "手机号：[phone 1]"},
		{`{"phone": "5552345678", "fax_no": 5551234}`, `{"phone": "[phone 1]", "fax_no": 5551234}`},
		{"phone number: 5551234", "phone number: [phone 1]"},
		// Keys.
		{"OPENAI_API_KEY=sk-proj-" + body, "OPENAI_API_KEY=[key 1]"},
		{"sk-ant-api03-" + body + "-x_y", "[key 1]"},
		{"git clone https://ghp_" + body + "@host/x", "git clone https://[key 1]@host/x"},
		{"AWS AKIAIOSFODNN7EXAMPLE used", "AWS [key 1] used"},
		{"xoxb-123456789012-abcdefABCDEF", "[key 1]"},
		{"?key=AIzaSyA1234567890abcdefghijklmnopqrstu&x=1", "?key=[key 1]&x=1"},
		{"Authorization: Bearer " + jwt, "Authorization: Bearer [key 1]"},
		{"the cookie is " + jwt + ".", "the cookie is [key 1]."},
		{"Bearer " + hex32, "Bearer [key 1]"},
		{"api_key: " + hex32 + "\nsecret = '" + hex32 + "'", "api_key: [key 1]\nsecret = '[key 1]'"},
		{`{"access_token":"` + body + `=="}`, `{"access_token":"[key 1]"}`},
		{"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY3X4M5P6KEY", "aws_secret_access_key = [key 1]"},
		{"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nb", "a\n[key 1]\nb"},
		{"-----BEGIN PRIVATE KEY-----\nMIIE cut off", "[key 1]"},
		// Names in paths.
		{"/home/jane/src/main.go and /home/bob", "/home/[user 1]/src/main.go and /home/[user 2]"},
		{"open '/Users/jane.doe/Desktop'", "open '/Users/[user 1]/Desktop'"},
		{`C:\Users\Jane Doe\Documents\a.txt`, `C:\Users\[user 1]\Documents\a.txt`},
		{`"C:\\Users\\jane\\a.txt"`, `"C:\\Users\\[user 1]\\a.txt"`},
		{"C:/Users/jane/a.txt", "C:/Users/[user 1]/a.txt"},
		{"file:///home/jane/a.pdf, file:///C:/Users/jane/a.pdf", "file:///home/[user 1]/a.pdf, file:///C:/Users/[user 1]/a.pdf"},
		{"scp host:/home/jane/x /mnt/c/Users/jane/x", "scp host:/home/[user 1]/x /mnt/c/Users/[user 1]/x"},
		{"PATH=/usr/bin:/home/jane/bin", "PATH=/usr/bin:/home/[user 1]/bin"},
		{"In /home/李雷/文档.", "In /home/[user 1]/文档."},
		{"It is in /home/jane.", "It is in /home/[user 1]."},
		// Together.
		{"jane@example.com (555-234-5678) edits /home/jane/.env: TOKEN=" + hex32, "[email 1] ([phone 1]) edits /home/[user 1]/.env: TOKEN=[key 1]"},
	} {
		if got := redacted(c.text)[0]; got != c.want {
			t.Errorf("%q\n gave %q\n want %q", c.text, got, c.want)
		}
	}
}

func TestLeavesAlone(t *testing.T) {
	for _, text := range []string{
		"",
		// Times, dates and numbers.
		"1717378000.744", `{"time": "1717378000.744", "event": "x"}`, "1717378000 1717378001", "1717378000744", "-1717378000", "+1717378000",
		"2024-06-03 09:15:22", "03.06.2024 10:00", "06/03/2024 12:30", "2024-06-03T09:15:22.744+08:00", "20240603 091522", "01-02-2024 10:30", "09:15:22,744",
		"192.168.100.200:8080", "10.0.0.1", "v1.2.3.4", "go1.26.0", "Python 3.12.4", "1.2.840.113549.1.1.11",
		"order 114-3941689-8772232", "#304-555-1234", "ISBN 978-3-16-148410-0", "order 20240603123456", "ticket 0012345678901", "订单号码 13812345678",
		"550e8400-e29b-41d4-a716-446655440000", "file_555-234-5678_v2", "3.14159265358979", "1,234,567,890", "$555-234-5678", "0x7ffee4b3c000",
		"100 200 300 4000", "00000030  0b 30 09 06 03 55 04  06 13", "ff 03 03 00 01 01", "03 03 00 01 01 ff", "Boston, MA 02110-1301 USA", "0069 0307 0300", "191930 020263 000073", "00b300 008800 538953 8d8d8d", "size 10485760 bytes", "pid 1234567", "chmod 0755", "0.123 0.456", "line 12, col 34", "-273.15", "1920x1080",
		"Day 1, 11:02 PM", "SSN 123-45-6789", "iPhone 15 Pro, 256 GB", "phones: 12", "C++20 +12345678",
		// What has an @, and is no address.
		"@Override public", "@media (min-width: 600px)", "icon@2x.png", "logo@3x.jpg", "lodash@4.17.21", "pkg@1.0.0-rc.beta", "git@github.com:org/repo.git",
		"user@localhost", "a @ b.com", "@jane", "foo@", "@types/node@20.1.0", "x@y", "price @ 3.50",
		// What looks like a key.
		"task-1234567890abcdefghijk", "sk-loading-indicator-container-wide", "the key: ArrowDown", "key=value", "token: required", "password: hunter2",
		"key: src/components/Button2/index3/v4.tsx", "commit " + hex32, "sha256:" + hex32, "key: internationalisation", "keyboard shortcut: Ctrl+Shift+Alt+F12",
		"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "eyJust a word", "PrivateKey: testEd25519PrivateKey,", "key = hexPKCS1TestPKCS8PrivateKeys", "API key", "hf_transfer", "primary_key_constraint_on_users_table_2024_06_03",
		"https://example.com/a/very/long/path/with-many-parts/and_numbers_123456789/index.html",
		// Paths without a name.
		"/" + "root/.ssh", "/home", "/home/", "~/src", "/home/$USER/x", "/home/<name>/x", "/home/{user}", "/Users/Shared/x", `C:\Users\Public\x`, `C:\Users\%USERNAME%\x`,
		"https://example.com/home/page", "https://api.github.com/Users/123", "example.com/home/page", "src/home/page.tsx", "./home/x", "http://localhost:3000/home/dashboard",
		"/usr/home", `D:\Docs\Users\x`,
		// What was redacted before.
		"[email 1] [phone 2] [key 3] /home/[user 4]/x", "phone: [phone 1] key=[key 1]", "[email 1]@example.com",
	} {
		if got := redacted(text)[0]; got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestNumbersGoThroughTheConversation(t *testing.T) {
	got := redacted("You help a@x.com.", "b@x.com wrote to a@x.com", "Answer [email 2]!", "c@x.com, B@X.com")
	want := []string{"You help [email 1].", "[email 2] wrote to [email 1]", "Answer [email 2]!", "[email 3], [email 2]"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
	// A conversation whose beginning was forgotten: who is named by a placeholder
	// alone stays apart from all others.
	if got := redacted("[email 2] asked", "d@x.com"); got[1] != "[email 3]" {
		t.Errorf("got %q", got)
	}
	if got := redacted("d@x.com met [email 1]"); got[0] != "[email 2] met [email 1]" {
		t.Errorf("got %q", got)
	}
}

func TestListIsNotChanged(t *testing.T) {
	list := conversationOf("nothing", "a@x.com")
	if out := Messages(list); list[1].Content != "a@x.com" || out[1].Content != "[email 1]" || &out[0] == &list[0] {
		t.Errorf("%v became %v", list, out)
	}
	clean := conversationOf("nothing", "here")
	if out := Messages(clean); &out[0] != &clean[0] {
		t.Error("a clean conversation was copied")
	}
	if out := Messages(nil); out != nil {
		t.Error(out)
	}
}

func TestOnlyMessagesAreRewritten(t *testing.T) {
	schema := &llm.Schema{Name: "a@x.com", Schema: []byte(`{"description":"a@x.com"}`)}
	req := &llm.Request{Messages: conversationOf("a@x.com"), Schema: schema, Replicate: 3, Seed: 4}
	resp, err := Wrap(llm.ChatFunc(func(_ context.Context, r *llm.Request) (*llm.Response, error) {
		if r.Messages[0].Content != "[email 1]" || r.Schema != schema || r.Replicate != 3 || r.Seed != 4 {
			t.Errorf("sent %+v", r)
		}
		return &llm.Response{Content: "b@x.com"}, nil
	})).Chat(context.Background(), req)
	if err != nil || resp.Content != "b@x.com" {
		t.Errorf("answered %+v, %v", resp, err)
	}
	if req.Messages[0].Content != "a@x.com" {
		t.Error("the caller's request was changed")
	}
	if _, err := Wrap(llm.ChatFunc(func(_ context.Context, r *llm.Request) (*llm.Response, error) {
		return nil, fmt.Errorf("%d", len(r.Messages))
	})).Chat(context.Background(), &llm.Request{}); err == nil || err.Error() != "0" {
		t.Error(err)
	}
}

// Whatever the text: doing it twice changes nothing, a conversation that grows
// keeps its beginning, and text stays text.
func FuzzMessages(f *testing.F) {
	f.Add("a@x.com", "call +49 30 1234567 555-234-5678", "/home/jane key="+hex32)
	f.Add("[email 7] 12 030 1234567 89", "phone 1234567 phone", "-----BEGIN PRIVATE KEY-----")
	f.Add("a@b.com@c.com", `C:\\Users\\a b\c`, "eyJa.eyJb.c "+jwt)
	f.Add("(+49) (0)30/1234567(030) 1234567", "[phone 999999] tel:5551234 [phone 12345678", "%40a.bc")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		texts := []string{a, b, c}
		once := redacted(texts...)
		if twice := redacted(once...); strings.Join(twice, "\x00") != strings.Join(once, "\x00") {
			t.Errorf("%q became %q, and then %q", texts, once, twice)
		}
		for n := range texts {
			if part := redacted(texts[:n]...); strings.Join(part, "\x00") != strings.Join(once[:n], "\x00") {
				t.Errorf("%q begins with %q when it ends there", once, part)
			}
		}
		for i, s := range once {
			if utf8.ValidString(texts[i]) && !utf8.ValidString(s) {
				t.Errorf("%q became %q", texts[i], s)
			}
		}
	})
}

// clean is a conversation of 10 KB as the gym has them, without anything to find.
var clean = func() []llm.Message {
	const event = "[1717378000.744] The user switches from the editor 'main.go' to the terminal, runs the tests (12 of 340 failed) and reads the report at https://ci.example.com/builds/48213.\n"
	var list []llm.Message
	for range 10 {
		list = append(list, llm.Message{Role: llm.User, Content: strings.Repeat(event, 1024/len(event)+1)})
	}
	return list
}()

func BenchmarkClean(b *testing.B) {
	n := 0
	for _, m := range clean {
		n += len(m.Content)
	}
	b.SetBytes(int64(n))
	for b.Loop() {
		if out := Messages(clean); &out[0] != &clean[0] {
			b.Fatal("found something")
		}
	}
}

func BenchmarkFound(b *testing.B) {
	list := append(conversationOf("jane@example.com edits /home/jane/x"), clean...)
	for b.Loop() {
		Messages(list)
	}
}

func TestFound(t *testing.T) {
	list := Messages([]llm.Message{
		{Role: llm.System, Content: "no [email] here, nor [phone x]"},
		{Role: llm.User, Content: "Mail jane@example.com or joe@example.com, call +49 30 1234567"},
		{Role: llm.Assistant, Content: "[email 1] it is, and [user 7]"},
	})
	if got := fmt.Sprint(Found(list)); got != "map[email:2 phone:1 user:1]" {
		t.Error(got)
	}
	if Found(list[:1]) != nil {
		t.Error("something is found in nothing")
	}
}
