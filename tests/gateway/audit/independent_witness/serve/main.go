// The witness of github.com/transparency-dev/witness, as it is, on a port.
//
//	serve ADDRESS ed25519|mldsa|both LOG_VKEY...
//
// It prints its verifier keys, one a line, and remembers in memory alone.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

type memory struct {
	mu   sync.Mutex
	seen map[string][]byte
}

func (m *memory) Init(context.Context) error {
	m.seen = map[string][]byte{}
	return nil
}

func (m *memory) Latest(_ context.Context, origin string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.seen[origin]), nil
}

func (m *memory) Update(_ context.Context, origin string, f func([]byte) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := f(m.seen[origin])
	if err != nil {
		return err
	}
	m.seen[origin] = next
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ed25519Signer() note.Signer {
	skey, _, err := note.GenerateKey(rand.Reader, "go.witness.test/w1")
	must(err)
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	must(err)
	seed, err := base64.StdEncoding.DecodeString(strings.SplitN(skey, "+", 5)[4])
	must(err)
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey("go.witness.test/w1", public)
	must(err)
	told, err := fnote.VKeyToCosignatureV1(vkey)
	must(err)
	fmt.Println(told)
	return signer
}

func mldsaSigner() note.Signer {
	skey, vkey, err := fnote.GenerateMLDSAKey("go.witness.test/w2")
	must(err)
	signer, err := fnote.NewMLDSASigner(skey)
	must(err)
	fmt.Println(vkey)
	return signer
}

func main() {
	trusted := map[string]note.Verifier{}
	for _, vkey := range os.Args[3:] {
		verifier, err := note.NewVerifier(vkey)
		must(err)
		trusted[verifier.Name()] = verifier
	}
	var signers []note.Signer
	if os.Args[2] != "mldsa" {
		signers = append(signers, ed25519Signer())
	}
	if os.Args[2] != "ed25519" {
		signers = append(signers, mldsaSigner())
	}
	it, err := witness.New(context.Background(), witness.Opts{
		Persistence: &memory{},
		Signers:     signers,
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			verifier, known := trusted[origin]
			return verifier, known, nil
		},
	})
	must(err)
	routes := http.NewServeMux()
	routes.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(it).AddCheckpoint)
	panic(http.ListenAndServe(os.Args[1], routes))
}
