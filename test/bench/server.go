package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// serveModels is an OpenAI-compatible server on a loopback port, whose URL it
// prints. It answers every part of the gym after the latency, from fixed texts,
// so that most of the machine is left for what is measured.
func serveModels(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &models{}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	fmt.Printf("http://%s\n", l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type models struct {
	calls, bytes atomic.Int64
	buffers      sync.Pool
}

func (s *models) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet { // what was asked so far
		_ = json.NewEncoder(w).Encode(served{s.calls.Load(), s.bytes.Load()})
		return
	}
	buf, _ := s.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = &bytes.Buffer{}
	}
	buf.Reset()
	if _, err := io.Copy(buf, r.Body); err != nil {
		return
	}
	n := s.calls.Add(1)
	s.bytes.Add(int64(buf.Len()))
	answer := completion(say(buf.Bytes(), n), buf.Len()/4)
	s.buffers.Put(buf)
	time.Sleep(latency)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

type served struct{ Calls, Bytes int64 }

// say answers as the role whose schema is asked for. n tells calls apart.
func say(request []byte, n int64) string {
	mark := []byte(`"json_schema":{"name":"`)
	i := bytes.LastIndex(request, mark)
	if i < 0 {
		return "A plain answer to a plain question."
	}
	name, _, _ := strings.Cut(string(request[i+len(mark):min(len(request), i+len(mark)+32)]), `"`)
	switch name {
	case "activity":
		return fmt.Sprintf(`{"activity":"I look through the %s folder for draft %d and compare it with the one I sent.","goalMet":false}`, []string{"first", "second", "third"}[n%3], n)
	case "events":
		failed := bytes.Contains(request[max(0, i-400):i], []byte("Something goes wrong"))
		return fmt.Sprintf(`{"events":[{"event":"The user opens draft %d in the text editor.","actor":"user","seconds":4.5,"failure":false,"entities":[{"name":"editor","state":"draft %d is open"}]},`+
			`{"event":"The editor shows the message 'draft %d was changed elsewhere'.","actor":"environment","seconds":2,"failure":%t,"entities":[]}]}`, n, n, n, failed)
	case "proposal":
		if n%2 == 0 {
			return `{"tasks":[]}`
		}
		return fmt.Sprintf(`{"tasks":["Compare draft %d with the version that was sent, and list what differs"]}`, n)
	case "verdict":
		return fmt.Sprintf(`{"accepted":%t,"helpNeeded":true,"reason":"That is what I was about to do by hand, %d."}`, n%3 == 0, n)
	case "operation":
		return fmt.Sprintf(`{"call":"file.open('draft-%d.txt')","done":false}`, n)
	case "result":
		return fmt.Sprintf(`{"result":"two paragraphs differ","ok":true,"event":"The agent opens draft %d.","seconds":1,"entities":[]}`, n)
	}
	return "{}"
}

func completion(text string, prompt int) []byte {
	content, _ := json.Marshal(text)
	return fmt.Appendf(nil, `{"id":"c","object":"chat.completion","model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`, content, prompt, len(text)/4, prompt+len(text)/4)
}
