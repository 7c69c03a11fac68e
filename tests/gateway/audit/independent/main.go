// Checks an exported log with verifiers that Sluis did not write; see ../test_independent.py.
//
//	check sumdb  FOLDER VKEY OLDER PROOF   golang.org/x/mod/sumdb: note, tlog
//	check merkle FOLDER VKEY OLDER PROOF   github.com/transparency-dev/merkle: compact, proof
//	check fsck   FOLDER VKEY OLDER PROOF   github.com/transparency-dev/tessera: fsck
//
// OLDER is an older checkpoint; PROOF is JSON of ours: an inclusion proof of each of some leaves and
// a consistency proof from OLDER. What is here only carries bytes to the verifiers.
package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proofs struct {
	Inclusion []struct {
		Index int64
		Path  [][]byte
	}
	Consistency [][]byte
}

type stated struct {
	size int64
	root tlog.Hash
}

func main() {
	if len(os.Args) != 6 {
		fail(errors.New("asked wrongly"))
	}
	verifier, err := note.NewVerifier(os.Args[3])
	fail(err)
	data, err := os.ReadFile(os.Args[5])
	fail(err)
	var told proofs
	fail(json.Unmarshal(data, &told))
	folder := os.Args[2]
	newest, err := open(filepath.Join(folder, "checkpoint"), verifier)
	fail(err)
	older, err := open(os.Args[4], verifier)
	fail(err)
	switch os.Args[1] {
	case "sumdb":
		fail(checkSumdb(folder, newest, older, told))
	case "merkle":
		fail(checkMerkle(folder, newest, older, told))
	case "fsck":
		source := client.FileFetcher{Root: folder}
		fail(fsck.New(verifier.Name(), verifier, source, leafHashes, fsck.Opts{N: 2}).Check(context.Background()))
	default:
		fail(errors.New("asked wrongly"))
	}
	fmt.Println("accepted")
}

func fail(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func open(file string, verifier note.Verifier) (stated, error) {
	signed, err := os.ReadFile(file)
	if err != nil {
		return stated{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return stated{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return stated{}, errors.New("no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return stated{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return stated{size, root}, err
}

// tiles reads C2SP tiles, whose paths are tlog's without the height and under another name for data.
type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		place := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		data, err := os.ReadFile(filepath.Join(t.folder, place))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func entries(folder string, size int64) ([][]byte, error) {
	var all [][]byte
	for first := int64(0); first < size; first += 256 {
		width := min(256, size-first)
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)}
		place := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, place))
		if err != nil {
			return nil, err
		}
		for range width {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, errors.New("a bundle ends early")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all, data = append(all, data[2:end]), data[end:]
		}
		if len(data) > 0 {
			return nil, errors.New("a bundle does not end")
		}
	}
	return all, nil
}

func checkSumdb(folder string, newest, older stated, told proofs) error {
	reader := tlog.TileHashReader(tlog.Tree{N: newest.size, Hash: newest.root}, tiles{folder})
	root, err := tlog.TreeHash(newest.size, reader)
	if err != nil || root != newest.root {
		return fmt.Errorf("the tiles do not lead to the root: %w", err)
	}
	all, err := entries(folder, newest.size)
	if err != nil {
		return err
	}
	var places []int64
	for n := range all {
		places = append(places, tlog.StoredHashIndex(0, int64(n)))
	}
	hashes, err := reader.ReadHashes(places)
	if err != nil {
		return err
	}
	for n, entry := range all {
		if hashes[n] != tlog.RecordHash(entry) {
			return fmt.Errorf("entry %d does not hash to its leaf", n)
		}
	}
	made, err := tlog.ProveTree(newest.size, older.size, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(made, newest.size, newest.root, older.size, older.root); err != nil {
		return err
	}
	var ours tlog.TreeProof
	for _, step := range told.Consistency {
		ours = append(ours, tlog.Hash(step))
	}
	if err := tlog.CheckTree(ours, newest.size, newest.root, older.size, older.root); err != nil {
		return err
	}
	for _, one := range told.Inclusion {
		var path tlog.RecordProof
		for _, step := range one.Path {
			path = append(path, tlog.Hash(step))
		}
		leaf := tlog.RecordHash(all[one.Index])
		if err := tlog.CheckRecord(path, newest.size, newest.root, one.Index, leaf); err != nil {
			return err
		}
	}
	return nil
}

func checkMerkle(folder string, newest, older stated, told proofs) error {
	all, err := entries(folder, newest.size)
	if err != nil {
		return err
	}
	hasher := rfc6962.DefaultHasher
	whole := (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)
	for _, entry := range all {
		if err := whole.Append(hasher.HashLeaf(entry), nil); err != nil {
			return err
		}
	}
	root, err := whole.GetRootHash(nil)
	if err != nil {
		return err
	}
	if base64.StdEncoding.EncodeToString(root) != newest.root.String() {
		return errors.New("the entries do not lead to the root")
	}
	size, before := uint64(newest.size), uint64(older.size)
	for _, one := range told.Inclusion {
		leaf := hasher.HashLeaf(all[one.Index])
		if err := proof.VerifyInclusion(hasher, uint64(one.Index), size, leaf, one.Path, newest.root[:]); err != nil {
			return err
		}
	}
	return proof.VerifyConsistency(hasher, before, size, told.Consistency, older.root[:], newest.root[:])
}

func leafHashes(bundle []byte) ([][]byte, error) {
	read := &api.EntryBundle{}
	if err := read.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range read.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
