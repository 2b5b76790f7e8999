package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// A browser is a Chromium that is told what to do over a pipe, and shows one page.
type browser struct {
	process *exec.Cmd
	in      *os.File
	out     *bufio.Reader
	session string
	last    int
	heard   []message // events since they were last taken
}

type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// start has a browser with a profile of its own in folder.
func start(ctx context.Context, program, folder string) (*browser, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	b := &browser{in: in, out: bufio.NewReader(out)}
	b.process = exec.CommandContext(ctx, program, "--headless=new", "--remote-debugging-pipe", "--user-data-dir="+folder,
		"--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--font-render-hinting=none", "about:blank")
	b.process.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as the browser wants them
	if err := b.process.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	theirIn.Close()
	theirOut.Close()
	var target struct {
		TargetID string `json:"targetId"`
	}
	if err := b.ask("Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	if err := b.ask("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		if err := b.ask(domain+".enable", nil, nil); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// stop ends the browser.
func (b *browser) stop() {
	_ = b.ask("Browser.close", nil, nil)
	_ = b.process.Wait()
}

// ask sends a command and waits for its answer; events on the way are kept.
func (b *browser) ask(method string, params map[string]any, result any) error {
	if params == nil {
		params = map[string]any{}
	}
	asked, err := json.Marshal(params)
	if err != nil {
		return err
	}
	b.last++
	m := message{ID: b.last, SessionID: b.session, Method: method, Params: asked}
	sent, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(sent, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		answer, err := b.hear()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case answer.ID == 0:
			b.heard = append(b.heard, answer)
		case answer.ID == b.last && answer.Error != nil:
			return fmt.Errorf("%s: %s", method, answer.Error.Message)
		case answer.ID == b.last && result != nil:
			return json.Unmarshal(answer.Result, result)
		case answer.ID == b.last:
			return nil
		}
	}
}

func (b *browser) hear() (m message, err error) {
	line, err := b.out.ReadBytes(0)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m)
}

// open shows a page, and returns once it is loaded.
func (b *browser) open(url string) error {
	b.heard = nil
	if err := b.ask("Page.navigate", map[string]any{"url": url}, nil); err != nil {
		return err
	}
	for _, m := range b.heard {
		if m.Method == "Page.loadEventFired" {
			return nil
		}
	}
	for {
		m, err := b.hear()
		if err != nil {
			return err
		}
		b.heard = append(b.heard, m)
		if m.Method == "Page.loadEventFired" {
			return nil
		}
	}
}
