package folder

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

// childEnv makes the test binary a process that writes to a folder: its value is
// "race|write FOLDER NAME LINKS".
const childEnv = "GYMLINE_FOLDER_CHILD"

func TestMain(m *testing.M) {
	args := os.Getenv(childEnv)
	if args == "" {
		os.Exit(m.Run())
	}
	var mode, dir, name string
	var links bool
	_, err := fmt.Sscan(args, &mode, &dir, &name, &links)
	b, openErr := Open(dir)
	if err = errors.Join(err, openErr); err == nil {
		if !links {
			b.link = func(string, string) error { return syscall.EPERM }
		}
		err = map[string]func(*Bucket, string) error{"race": race, "write": write}[mode](b, name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// race creates each key that it is told, and answers what is stored there then.
func race(b *Bucket, name string) error {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		key, body := in.Text(), "the record of "+name
		err := b.Create(context.Background(), key, []byte(body))
		if err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
		r, readErr := b.Get(context.Background(), key)
		if readErr != nil {
			return readErr
		}
		stored, readErr := io.ReadAll(r)
		if err := errors.Join(readErr, r.Close()); err != nil {
			return err
		}
		fmt.Printf("%t %s\n", err == nil, stored)
	}
	return nil
}

// shared is how many records all writers of a test try to create.
const shared = 2000

// write stores as fast as it can, from several goroutines and until it is
// killed, and prints each key once it is stored.
func write(b *Bucket, name string) error {
	fmt.Println("ready")
	said := make(chan []string)
	failed := make(chan error)
	for w := range 4 {
		go func() {
			rng := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(w)))
			for i := 0; ; i++ {
				var key string
				var err error
				var more []string
				switch i % 5 {
				case 0, 1: // records that many want
					key = fmt.Sprintf("race/%d.json", rng.IntN(shared))
					err = b.Create(context.Background(), key, body(key, name, rng.IntN(3000)))
				case 2: // objects of its own, in new folders
					key = fmt.Sprintf("own/%s/%d-%d/object", name, w, i)
					p := body(key, name, rng.IntN(100_000))
					err = b.Put(context.Background(), key, strings.NewReader(string(p)), int64(len(p)))
				case 3: // an object that all write over
					key = "over/written"
					p := body(key, name, rng.IntN(100_000))
					err = b.Put(context.Background(), key, strings.NewReader(string(p)), int64(len(p)))
				case 4: // many at once, some of which all write over
					var objects []store.Object
					for n := range 20 {
						key = fmt.Sprintf("own/%s/%d-%d/%d", name, w, i, n)
						if n < 5 {
							key = fmt.Sprintf("over/%d", n)
						}
						more = append(more, key)
						objects = append(objects, store.Object{Key: key, Body: body(key, name, rng.IntN(3000))})
					}
					err = b.PutAll(context.Background(), objects)
				}
				if errors.Is(err, store.ErrExists) {
					continue
				}
				if err != nil {
					failed <- err
					return
				}
				said <- append(more, key)
			}
		}()
	}
	for {
		select {
		case keys := <-said:
			fmt.Println(strings.Join(keys, "\n"))
		case err := <-failed:
			return err
		}
	}
}

// body is a text that shows when a byte of it is missing.
func body(key, writer string, size int) []byte {
	text := fmt.Sprintf("%s by %s %s", key, writer, strings.Repeat("x", size))
	return fmt.Appendf(nil, "%x %s", sha256.Sum256([]byte(text)), text)
}

// whole returns who wrote a body, or an error when it is not whole.
func whole(key string, p []byte) (writer string, err error) {
	sum, text, _ := strings.Cut(string(p), " ")
	if sum != fmt.Sprintf("%x", sha256.Sum256([]byte(text))) || !strings.HasPrefix(text, key+" by ") {
		return "", fmt.Errorf("%s is not whole: %d bytes, %.80q", key, len(p), p)
	}
	return strings.Fields(text)[2], nil
}

// A child is a process that writes.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr strings.Builder
}

// start runs a child until the test ends, and returns once it has opened the folder.
func start(t testing.TB, mode, dir, name string, links bool) (*child, error) {
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %t", childEnv, mode, dir, name, links))
	c.cmd.Stderr = &c.stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin, c.stdout = stdin, bufio.NewReader(stdout)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	if line, err := c.stdout.ReadString('\n'); err != nil || line != "ready\n" {
		return nil, fmt.Errorf("child %s: %q, %w", name, line, err)
	}
	return c, nil
}
