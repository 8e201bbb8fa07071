// Command manifests checks Kubernetes manifests against the types of the API they are for: an
// unknown field, a wrong type or an unknown kind fails. Its libraries are too large for the
// module of the product, so it has one of its own.
//
//	usage: manifests FILE…
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// kinds are those that the examples use.
var kinds = map[meta.TypeMeta]func() any{
	{APIVersion: "apps/v1", Kind: "Deployment"}:            func() any { return new(apps.Deployment) },
	{APIVersion: "v1", Kind: "Service"}:                    func() any { return new(core.Service) },
	{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}: func() any { return new(policy.PodDisruptionBudget) },
	{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"}:  func() any { return new(networking.Ingress) },
}

func main() {
	var failed error
	for _, file := range os.Args[1:] {
		n, err := check(file)
		if err == nil && n == 0 {
			err = errors.New("has no manifest")
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", file, err))
		}
	}
	if failed != nil || len(os.Args) == 1 {
		fmt.Fprintln(os.Stderr, failed)
		os.Exit(1)
	}
}

// check reads all documents of a file and returns how many there are.
func check(file string) (n int, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(raw)))
	defer documents.Close()
	one := make([]byte, len(raw)+1)
	for {
		size, err := documents.Read(one)
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
		if err := decode(one[:size]); err != nil {
			return n, fmt.Errorf("document %d: %w", n+1, err)
		}
		n++
	}
}

func decode(document []byte) error {
	var kind meta.TypeMeta
	if err := strict.Unmarshal(document, &kind); err != nil {
		return err
	}
	object := kinds[kind]
	if object == nil {
		return fmt.Errorf("%s %s is not among the kinds that are checked", kind.APIVersion, kind.Kind)
	}
	return strict.UnmarshalStrict(document, object())
}
