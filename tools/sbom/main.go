// Sbom lists the modules that are linked into a binary of gymline's, as CycloneDX
// JSON, with the texts of their licences. It fails when one has a licence that is
// not on the list of allowed ones, or that it cannot read. The same binary gives
// the same bytes.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("sbom: ")
	binary := flag.String("binary", "", "`file` that go build made in this checkout")
	version := flag.String("version", "", "the binary's, where Go did not stamp one, such as a commit")
	out := flag.String("o", "", "`file` to write the list of modules to, CycloneDX JSON")
	texts := flag.String("licences", "", "`file` to write the texts of all licences to")
	flag.Parse()
	if *binary == "" || flag.NArg() > 0 {
		flag.Usage()
		log.Fatal("give -binary, and nothing else beside flags")
	}
	if err := run(context.Background(), *binary, *version, *out, *texts); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, binary, version, out, texts string) error {
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	modules, err := linked(ctx, info.Path, platform(info))
	if err != nil {
		return err
	}
	if err := agree(info, modules); err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	if err := check(modules); err != nil {
		return err
	}
	fmt.Printf("%d modules, all with allowed licences: %s\n", len(modules), strings.Join(used(modules), ", "))
	list, err := document(info, cmp.Or(version, info.Main.Version, "unknown"), fmt.Sprintf("%x", sha256.Sum256(data)), modules)
	if err != nil {
		return err
	}
	return errors.Join(write(out, list), write(texts, together(modules)))
}

// write writes what goes with an image, and so to others.
func write(file string, data []byte) error {
	if file == "" {
		return nil
	}
	return os.WriteFile(file, data, 0o644)
}
