// Signs as github.com/digitorus/pdfsign does, a signer written in Go.
//
//	producer AUTHORITY TSA_URL    recipes on standard input, one a line: tool, output, base and steps between tabs
package main

import (
	"bufio"
	"bytes"
	"crypto"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/digitorus/pdf"
	"github.com/digitorus/pdfsign/revocation"
	"github.com/digitorus/pdfsign/sign"
)

var digests = map[string]crypto.Hash{"": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

type producer struct {
	authority string
	tsa       string
}

func main() {
	maker := producer{os.Args[1], os.Args[2]}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) < 4 {
			continue
		}
		if err := maker.make(parts[1], parts[2], parts[3:]); err != nil {
			// Reported and counted by make.py: a recipe that a library refuses is a finding about it.
			fmt.Printf("failed\t%s\t%s\n", parts[1], strings.Join(strings.Fields(err.Error()), " "))
		} else {
			fmt.Printf("made\t%s\n", parts[1])
		}
	}
}

func (p producer) make(out, base string, steps []string) error {
	content, err := os.ReadFile(base)
	for _, step := range steps {
		if err == nil {
			content, err = p.apply(content, step)
		}
	}
	if err != nil {
		return err
	}
	return os.WriteFile(out, content, 0o644)
}

func (p producer) apply(content []byte, step string) (signed []byte, err error) {
	// The reader panics on what it does not know.
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%v", problem)
		}
	}()
	verb, settings := parse(step)
	if verb != "sign" && verb != "stamp" {
		return nil, errors.New("pdfsign cannot " + verb)
	}
	data, err := p.signData(verb, settings)
	if err != nil {
		return nil, err
	}
	input := bytes.NewReader(content)
	reader, err := pdf.NewReader(input, int64(len(content)))
	if err != nil {
		return nil, err
	}
	output := new(bytes.Buffer)
	err = sign.Sign(input, output, reader, int64(len(content)), data)
	return output.Bytes(), err
}

func (p producer) signData(verb string, settings map[string]string) (sign.SignData, error) {
	data := sign.SignData{
		Signature: sign.SignDataSignature{
			CertType: sign.ApprovalSignature,
			Info: sign.SignDataSignatureInfo{
				Name: "Penanda Uji", Location: "Contoh", Reason: "Uji coba", ContactInfo: "uji@interop.example", Date: time.Now(),
			},
		},
		DigestAlgorithm: digests[settings["digest"]],
		// Without network: what is embedded comes from files.
		RevocationFunction: func(_, _ *x509.Certificate, archival *revocation.InfoArchival) error {
			if _, wanted := settings["crls"]; !wanted {
				return nil
			}
			list, err := os.ReadFile(filepath.Join(p.authority, "issuing.crl"))
			if err != nil {
				return err
			}
			return archival.AddCRL(list)
		},
	}
	if verb == "stamp" {
		data.Signature.CertType = sign.TimeStampSignature
		data.TSA.URL = p.tsa
		return data, nil
	}
	if settings["level"] == "T" {
		data.TSA.URL = p.tsa
	}
	if level, err := strconv.Atoi(settings["certify"]); err == nil {
		data.Signature.CertType = sign.CertificationSignature
		data.Signature.DocMDPPerm = sign.DocMDPPerm(level)
	}
	if _, visible := settings["visible"]; visible {
		y := 640.0
		if other, err := strconv.ParseFloat(settings["y"], 64); err == nil {
			y = other
		}
		data.Appearance = sign.Appearance{
			Visible: true, Page: 1, LowerLeftX: 360, LowerLeftY: y, UpperRightX: 520, UpperRightY: y + 50,
		}
	}
	name := settings["key"]
	if name == "" {
		name = "rsa2048"
	}
	err := p.identify(&data, name)
	return data, err
}

func (p producer) identify(data *sign.SignData, name string) error {
	key, err := decoded(filepath.Join(p.authority, name+".key.pem"))
	if err != nil {
		return err
	}
	private, err := x509.ParsePKCS8PrivateKey(key[0])
	if err != nil {
		return err
	}
	signer, fits := private.(crypto.Signer)
	if !fits {
		return errors.New("no signing key: " + name)
	}
	chain, err := decoded(filepath.Join(p.authority, name+".chain.pem"))
	if err != nil {
		return err
	}
	var certificates []*x509.Certificate
	for _, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		certificates = append(certificates, certificate)
	}
	data.Signer, data.Certificate = signer, certificates[0]
	data.CertificateChains = [][]*x509.Certificate{certificates}
	return nil
}

func decoded(file string) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		found = append(found, block.Bytes)
	}
	if len(found) == 0 {
		return nil, errors.New("no PEM in " + filepath.Base(file))
	}
	return found, nil
}

func parse(step string) (string, map[string]string) {
	words := strings.Fields(step)
	settings := map[string]string{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		settings[name] = value
	}
	return words[0], settings
}
