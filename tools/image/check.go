package main

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"fmt"
)

// machines are the platforms that an image can be for, by GOARCH.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkBinary refuses what could not start in an image without libraries.
func checkBinary(binary []byte, arch string) error {
	machine, ok := machines[arch]
	if !ok {
		return fmt.Errorf("architecture %q; give amd64 or arm64", arch)
	}
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return fmt.Errorf("not a linux binary: %w; build it with GOOS=linux", err)
	}
	if file.Machine != machine {
		return fmt.Errorf("built for %v, not for %s; set GOARCH or -arch", file.Machine, arch)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("wants a dynamic loader; build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// checkCerts refuses a file that would leave every TLS call without an authority.
func checkCerts(file []byte) error {
	found := 0
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("holds a %s; only certificates belong into an image", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d: %w", found+1, err)
		}
		found++
	}
	if found == 0 {
		return errors.New("no certificate in it")
	}
	return nil
}
