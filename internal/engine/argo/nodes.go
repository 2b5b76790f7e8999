package argo

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/gymline/gymline/internal/fault"
)

// maxNodes bounds what compressed nodes may grow to, in bytes.
const maxNodes = 256 << 20

// nodesOf reads a Workflow's nodes. When they are many, Argo keeps them
// compressed, or in a database of its own, where Gymline cannot read them.
func nodesOf(wf *wfv1.Workflow) (wfv1.Nodes, error) {
	if wf.Status.IsOffloadNodeStatus() {
		return nil, fault.New(fault.Config, fmt.Errorf("workflow %s: Argo keeps its nodes in a database (nodeStatusOffLoad), which gymline does not read", wf.Name),
			fmt.Sprintf("'argo get %s' and 'argo resume %s' do; lower spec.argo.pods of the profile for the next run", wf.Name, wf.Name))
	}
	if len(wf.Status.Nodes) > 0 || wf.Status.CompressedNodes == "" { // as the controller chooses
		return wf.Status.Nodes, nil
	}
	nodes, err := unpack(wf.Status.CompressedNodes)
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("workflow %s: its compressed nodes: %w", wf.Name, err), "is its Argo of a version that docs/kubernetes.md names?")
	}
	return nodes, nil
}

// unpack and pack speak Argo's form of many nodes: JSON in gzip in base64.
func unpack(text string) (nodes wfv1.Nodes, err error) {
	r, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxNodes))
	if err != nil {
		return nil, err
	}
	return nodes, json.Unmarshal(data, &nodes)
}

func pack(nodes wfv1.Nodes) (string, error) {
	data, err := json.Marshal(nodes)
	if err != nil {
		return "", err
	}
	return packJSON(data)
}

func packJSON(data []byte) (string, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}
