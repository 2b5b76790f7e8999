// Image writes an OCI image archive of a static linux binary. The same inputs
// give the same bytes, so the digest on stdout says what the image is.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	var o options
	flag.StringVar(&o.binary, "binary", "", "static linux `file` that becomes /gymline")
	flag.StringVar(&o.certs, "certs", "/etc/ssl/certs/ca-certificates.crt", "PEM `file` of the certificate authorities to trust")
	flag.StringVar(&o.sbom, "sbom", "", "`file` that lists the binary's modules, CycloneDX JSON")
	flag.StringVar(&o.licences, "licences", "", "`file` with the texts of their licences")
	flag.StringVar(&o.name, "name", "gymline:dev", "`reference` that the archive is imported under")
	flag.StringVar(&o.arch, "arch", runtime.GOARCH, "amd64 or arm64")
	flag.StringVar(&o.out, "o", "", "archive to write, a `file`")
	flag.Parse()
	if o.binary == "" || o.out == "" || flag.NArg() > 0 {
		flag.Usage()
		log.Fatal("give -binary and -o, and nothing else beside flags")
	}
	digest, err := run(o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(digest)
}

// options are the command line.
type options struct{ binary, certs, sbom, licences, name, arch, out string }

// run writes the archive whole or not at all, and returns the manifest's digest.
func run(o options) (Digest, error) {
	binary, err := os.ReadFile(o.binary)
	if err != nil {
		return "", err
	}
	if err := checkBinary(binary, o.arch); err != nil {
		return "", fmt.Errorf("%s: %w", o.binary, err)
	}
	certs, err := os.ReadFile(o.certs)
	if err != nil {
		return "", fmt.Errorf("certificate authorities: %w; name a PEM file with -certs", err)
	}
	if err := checkCerts(certs); err != nil {
		return "", fmt.Errorf("%s: %w", o.certs, err)
	}
	im := image{name: o.name, arch: o.arch, binary: binary, certs: certs}
	for file, data := range map[string]*[]byte{o.sbom: &im.sbom, o.licences: &im.licences} {
		if file == "" {
			continue
		}
		if *data, err = os.ReadFile(file); err != nil {
			return "", err
		}
	}
	archive, digest, err := build(im)
	if err != nil {
		return "", err
	}
	temp, err := os.CreateTemp(filepath.Dir(o.out), ".image-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(temp.Name()) // gone already where the rename succeeded
	if _, err := temp.Write(archive); err != nil {
		temp.Close()
		return "", err
	}
	// An image is for others, and holds nothing of a run.
	if err := temp.Chmod(0o644); err != nil {
		temp.Close()
		return "", err
	}
	if err := temp.Close(); err != nil {
		return "", err
	}
	return digest, os.Rename(temp.Name(), o.out)
}
