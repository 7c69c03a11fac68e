// A log by golang.org/x/mod/sumdb, submitted by the client of github.com/transparency-dev/witness.
//
// It prints its verifier key, reads "URL WITNESS_VKEY" from stdin, and prints a line for each case.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	wclient "github.com/transparency-dev/witness/client/http"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type log struct {
	hashes []tlog.Hash
	size   int64
	salt   string
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = l.hashes[index]
	}
	return found, nil
}

func (l *log) growTo(size int64) {
	for l.size < size {
		added, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s%d", l.salt, l.size), l)
		must(err)
		l.hashes = append(l.hashes, added...)
		l.size++
	}
}

func (l *log) checkpoint(signer note.Signer, size int64) []byte {
	root := tlog.Hash(sha256.Sum256(nil))
	if size > 0 {
		var err error
		root, err = tlog.TreeHash(size, l)
		must(err)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), size, root)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	must(err)
	return signed
}

func (l *log) proof(old, size int64) [][]byte {
	var found [][]byte
	if old == 0 || old == size {
		return found
	}
	steps, err := tlog.ProveTree(size, old, l)
	must(err)
	for _, step := range steps {
		found = append(found, step[:])
	}
	return found
}

func signerOf(name string) (note.Signer, string) {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	return signer, vkey
}

func main() {
	signer, vkey := signerOf("go.log.test/one")
	fmt.Println(vkey)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	must(err)
	told := strings.Fields(line)
	place, err := url.Parse(told[0])
	must(err)
	verifier, err := fnote.NewVerifierForCosignatureV1(told[1])
	must(err)
	witness := wclient.NewWitness(place, http.DefaultClient)
	own, fork := &log{salt: "a"}, &log{salt: "b"}
	fork.growTo(4000)

	old := int64(0)
	submit := func(of *log, by note.Signer, from, to int64, proof [][]byte) ([]byte, uint64, error) {
		return witness.Update(context.Background(), uint64(from), of.checkpoint(by, to), proof)
	}
	for _, size := range []int64{0, 1, 2, 3, 7, 8, 9, 255, 256, 257, 1000, 1000, 3000} {
		own.growTo(size)
		lines, _, err := submit(own, signer, old, size, own.proof(old, size))
		must(err)
		cosigned := append(own.checkpoint(signer, size), lines...)
		opened, err := note.Open(cosigned, note.VerifierList(verifier))
		must(err)
		if len(opened.Sigs) != 1 {
			panic("no cosignature")
		}
		old = size
	}
	fmt.Println("honest: cosigned")
	own.growTo(3010)
	stranger, _ := signerOf("go.log.test/unknown")
	forger, _ := signerOf("go.log.test/one")
	cases := []struct {
		name     string
		of       *log
		by       note.Signer
		from, to int64
		proof    [][]byte
	}{
		{"stale", own, signer, 255, 3000, own.proof(255, 3000)},
		{"rollback", own, signer, 1000, 1000, nil},
		{"old beyond new", own, signer, 3000, 1000, nil},
		{"fork, equal size", fork, signer, 3000, 3000, nil},
		{"fork, larger", fork, signer, 3000, 4000, fork.proof(3000, 4000)},
		{"wrong key", own, forger, 3000, 3010, own.proof(3000, 3010)},
		{"unknown log", own, stranger, 0, 3010, nil},
		{"replayed proof", own, signer, 3000, 3010, own.proof(1000, 3010)},
	}
	for _, each := range cases {
		_, size, err := submit(each.of, each.by, each.from, each.to, each.proof)
		fmt.Printf("%s: %v (%d)\n", each.name, err, size)
	}
	_, _, err = submit(own, signer, 3000, 3010, own.proof(3000, 3010))
	must(err)
	fmt.Println("after all that: cosigned")
}
