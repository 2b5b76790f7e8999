// Command pages looks at HTML pages that gymline wrote as a reader would, in a real browser:
// on a wide and a narrow window and on a phone, light and dark, and in print. It names what a
// reader could not read, reach or trust, and leaves pictures for the eyes:
//
//	pages -o DIR PAGE.html…
//	pages -o DIR -gymline BINARY     # pages of all kinds, of runs that it does first
//
// A page that asks any other address for anything has a fault, too. Exit 1 says that some have.
package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A look is a way to see a page. The faults of print are for the eyes.
type look struct {
	name   string
	width  int
	scheme string
}

var looks = []look{
	{"1280-light", 1280, "light"}, {"1280-dark", 1280, "dark"}, {"1000-light", 1000, "light"},
	{"390-light", 390, "light"}, {"390-dark", 390, "dark"},
}

//go:embed faults.js
var faults string

func main() {
	out := flag.String("o", "bin/pages", "folder for pictures and prints")
	program := flag.String("chromium", "", "the browser (default: the first of chromium, chromium-browser, google-chrome)")
	gymline := flag.String("gymline", "", "the binary that makes pages, of the experiments in configs")
	flag.Parse()
	pages := flag.Args()
	var found []string
	err := os.MkdirAll(*out, 0o700)
	if err == nil && *gymline != "" {
		var made []string
		made, err = makePages(context.Background(), *gymline, "configs", *out)
		pages = append(made, pages...)
	}
	if err == nil {
		found, err = run(context.Background(), *program, *out, pages)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(2)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	fmt.Printf("%d pages, %d looks each, %d faults; pictures are in %s\n", len(pages), len(looks)+1, len(found), *out)
	if len(found) > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, program, out string, pages []string) ([]string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); program == "" && err == nil {
			program = path
		}
	}
	if program == "" {
		return nil, fmt.Errorf("there is no Chromium here: install one, or name it with -chromium")
	}
	profile, err := os.MkdirTemp("", "pages-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(profile) }()
	b, err := start(ctx, program, profile)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	var found []string
	for _, page := range pages {
		list, err := b.lookAt(page, out)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", page, err)
		}
		found = append(found, list...)
	}
	return found, nil
}

// lookAt is a page's faults; its pictures and its print are left in out.
func (b *browser) lookAt(page, out string) (found []string, err error) {
	path, err := filepath.Abs(page)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(page), ".html")
	for _, l := range looks {
		if err := b.be(l); err != nil {
			return nil, err
		}
		if err := b.open("file://" + path); err != nil {
			return nil, err
		}
		list, err := b.faults()
		if err != nil {
			return nil, err
		}
		for _, f := range append(list, b.said("file://"+path)...) {
			found = append(found, fmt.Sprintf("%s %s: %s", name, l.name, f))
		}
		if err := b.picture(filepath.Join(out, name+"-"+l.name+".png")); err != nil {
			return nil, err
		}
	}
	var print struct{ Data []byte }
	if err := b.ask("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil); err != nil {
		return nil, err
	}
	if err := b.ask("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": true, "paperWidth": 8.27, "paperHeight": 11.69}, &print); err != nil {
		return nil, err
	}
	return found, os.WriteFile(filepath.Join(out, name+"-print.pdf"), print.Data, 0o600)
}

// be has the browser show pages as a look wants them.
func (b *browser) be(l look) error {
	if err := b.ask("Emulation.setDeviceMetricsOverride", map[string]any{"width": l.width, "height": 900, "deviceScaleFactor": 1, "mobile": l.width < 600}, nil); err != nil {
		return err
	}
	scheme := []map[string]string{{"name": "prefers-color-scheme", "value": l.scheme}}
	return b.ask("Emulation.setEmulatedMedia", map[string]any{"media": "screen", "features": scheme}, nil)
}

// faults are what a script finds on the page that is shown.
func (b *browser) faults() (list []string, err error) {
	var answer struct {
		Result struct {
			Value []string `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	if err := b.ask("Runtime.evaluate", map[string]any{"expression": faults, "returnByValue": true}, &answer); err != nil {
		return nil, err
	}
	if answer.Exception != nil {
		return nil, fmt.Errorf("the script of faults failed: %s", answer.Exception)
	}
	return answer.Result.Value, nil
}

// said is what the page asked of others, and what the browser complained about.
func (b *browser) said(page string) (list []string) {
	for _, m := range b.heard {
		var p struct {
			Request struct{ URL string }
			Entry   struct{ Text string }
			Type    string
		}
		_ = json.Unmarshal(m.Params, &p)
		switch {
		case m.Method == "Network.requestWillBeSent" && p.Request.URL != page:
			list = append(list, "asks for "+p.Request.URL)
		case m.Method == "Log.entryAdded":
			list = append(list, "the browser says: "+p.Entry.Text)
		case m.Method == "Runtime.consoleAPICalled" || m.Method == "Runtime.exceptionThrown":
			list = append(list, "a script on the page spoke: "+p.Type)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// picture leaves the whole page, as high as it is.
func (b *browser) picture(file string) error {
	var size struct {
		CSSContentSize struct{ Width, Height float64 } `json:"cssContentSize"`
	}
	if err := b.ask("Page.getLayoutMetrics", nil, &size); err != nil {
		return err
	}
	var shot struct{ Data string }
	clip := map[string]any{"x": 0, "y": 0, "width": size.CSSContentSize.Width, "height": size.CSSContentSize.Height, "scale": 1}
	if err := b.ask("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "clip": clip}, &shot); err != nil {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
