package embedded

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/gymline/gymline/internal/store/s3"
)

// childEnv makes the test binary a process that serves a folder: its value is
// "FOLDER ADDRESS ACCESS SECRET".
const childEnv = "GYMLINE_EMBEDDED_CHILD"

func TestMain(m *testing.M) {
	if args := os.Getenv(childEnv); args != "" {
		if err := serveChild(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveChild is Start at a given address and with given keys, until killed.
func serveChild(args string) error {
	var dir, address, secret string
	s := &Server{}
	if _, err := fmt.Sscan(args, &dir, &address, &s.access, &secret); err != nil {
		return err
	}
	lock, err := acquire(dir + "/" + lockFile)
	if err != nil {
		return err
	}
	defer lock.Close()
	prepared, err := prepare(dir)
	if err != nil {
		return err
	}
	s.root, s.secret = prepared.root, s3.Secret(secret)
	if err := s.listen(context.Background(), address, false); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin) // ends with its parent
	return err
}

// A child is an embedded server in a process of its own, which can be killed.
type child struct {
	*Server
	dir    string
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func startChild(t testing.TB, dir string) *child {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Server: &Server{address: address, access: "child", secret: "child-secret"}, dir: dir}
	t.Cleanup(func() { c.kill(t) })
	c.resume(t)
	return c
}

func (c *child) kill(t testing.TB) {
	t.Helper()
	if c.cmd != nil {
		_ = c.cmd.Process.Kill()
		if said, err := io.ReadAll(c.stdout); err != nil || len(said) > 0 {
			t.Errorf("the server wrote to stdout: %s (%v)", said, err)
		}
		_ = c.cmd.Wait()
		if c.stderr.Len() > 0 {
			t.Errorf("the server wrote to stderr: %s", c.stderr.String())
		}
		c.stdin.Close()
		c.cmd = nil
	}
}

func (c *child) resume(t testing.TB) {
	t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %s", childEnv, c.dir, c.address, c.access, string(c.secret)))
	c.stderr.Reset()
	c.cmd.Stderr = &c.stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewReader(stdout)
	if line, err := c.stdout.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child: %q, %v", line, err)
	}
}
