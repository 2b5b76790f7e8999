package redact

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gymline/gymline/internal/llm"
)

// spent is the processor time that redacting a text takes, however busy the
// machine is.
func spent(t *testing.T, text string) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	list := []llm.Message{{Role: llm.User, Content: text}}
	began := now()
	Messages(list)
	return now() - began
}

// hostile are pieces of which a long text is costly to search for what reads ahead
// or back without a bound.
var hostile = []string{
	"/home/ab ", "/home/", "/Users/Shared", "x/home/ab", "a.b/home/Shared/", `C:\Users\ab `, `\Users\`, "a@b.co ", "@", "%40", "a@b.", "sk-abcdefghijklmnop1 ", "+sk-abcdefghijklmnop1", "-----BEGIN x", "-----BEGIN x----- sk-abcdefghijklmnop1 ",
	"-----BEGIN PRIVATE KEY-----", "aB3", "a.", "+sk-a", ".eyJaaaa", "/eyJ", "key=", "\"aaaaaaaaaaaaaaaa ", "555-234-5678 ", "555-234-5678-", "12 ", "1", "(1", "01 23 45 67 89  ", "[email 1] a@b.co ", "[email ",
	"://", "://a:b@", "://a:", "x://u:p@@", ";pwd=", ";pwd=a", "=", "basic ", "Basic dXNlcjpw", "Authorization: ", "authorization: bearer a1234567 ", "cookie:", "Cookie: a=12345678; ", "cookie: a=;", "4111 1111 1111 1111 ", "4111-", "DE89 3704 0044 0532 0130 00 ", "DE89", "110105", "111.444.777-35 ", "1 85 05 78 ",
}

// tooLong is far beyond what linear work takes, also under the race detector, and
// far below what quadratic work takes of such texts.
const tooLong = 10 * time.Second

// A quarter of a megabyte takes a fraction of a second, whatever it is made of.
func TestTimeIsLinear(t *testing.T) {
	for _, piece := range hostile {
		for _, text := range []string{
			strings.Repeat(piece, (256<<10)/len(piece)),
			strings.Repeat(" ", 128<<10) + strings.Repeat(piece, (128<<10)/len(piece)),
			"key=/" + strings.Repeat("a", 128<<10) + strings.Repeat(piece, (128<<10)/len(piece)),
		} {
			if d := spent(t, text); d > tooLong {
				t.Errorf("%d bytes of %q took %v", len(text), piece, d)
			}
		}
	}
}

// Time is a promise as much as what is found.
func FuzzTime(f *testing.F) {
	for i, piece := range hostile {
		f.Add(piece, hostile[(i+7)%len(hostile)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) == 0 || len(a)+len(b) > 4<<10 {
			t.Skip()
		}
		text := strings.Repeat(a+b, (128<<10)/(len(a)+len(b)))
		if d := spent(t, text); d > tooLong {
			t.Errorf("%d bytes of %q took %v", len(text), a+b, d)
		}
	})
}

// A text in which every reading finds something is withheld, not read forever.
func TestATextWithoutEndIsWithheld(t *testing.T) {
	c := conversation{ctx: t.Context(), rounds: 1}
	if got := c.redact("a@x.com"); got != Withheld {
		t.Error(got)
	}
	if got := redacted(Withheld)[0]; got != Withheld {
		t.Error(got)
	}
}

// Redaction ends with its context.
func TestRedactionIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked := false
	_, err := Wrap(llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
		asked = true
		return nil, nil
	})).Chat(ctx, &llm.Request{Messages: conversationOf(strings.Repeat("a@b.co ", 1000))})
	if !errors.Is(err, context.Canceled) || asked {
		t.Errorf("%v, asked %v", err, asked)
	}
}
