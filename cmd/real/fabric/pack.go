package fabric

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"manx/ledger"
)

// contractVersion is what the organisations agree on, with the collections and
// the endorsement policy. Raise it when one of these changes.
const contractVersion = "1"

// pack returns the chaincode package of a network and its id. It names no
// address and no program, so that it is the same bytes for every organisation
// and for ever; where the contract listens is each organisation's own affair.
func pack(network ledger.NetworkID) (pkg []byte, id string, err error) {
	label := Contract + "_" + contractVersion
	code, err := json.Marshal(map[string]string{"network": string(network)})
	if err != nil {
		return nil, "", err
	}
	inner, err := archive(file{"network.json", code})
	if err != nil {
		return nil, "", err
	}
	pkg, err = archive(file{"metadata.json", []byte(`{"path":"","type":"manx","label":"` + label + `"}`)}, file{"code.tar.gz", inner})
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(pkg)
	return pkg, label + ":" + hex.EncodeToString(sum[:]), nil
}

type file struct {
	name string
	body []byte
}

// archive makes a .tar.gz. It does not compress: then the bytes depend on no
// version of the compressor.
func archive(files ...file) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.body)), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.body); err != nil {
			return nil, err
		}
	}
	err = errors.Join(t.Close(), z.Close())
	return b.Bytes(), err
}
