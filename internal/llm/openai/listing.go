package openai

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// tellWithin bounds how long a server may take to say what it serves.
const tellWithin = 10 * time.Second

// List asks the server of a model what it serves. It fails as New does, and where the
// server does not say.
func List(ctx context.Context, m llm.Model, a Access, client *http.Client) (*llm.Listing, error) {
	c, err := newChatter(m, a, client)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	var models struct {
		Data []struct {
			ID      string   `json:"id"`
			Aliases []string `json:"aliases"`
			Root    string   `json:"root"`
			Parent  string   `json:"parent"`
			Meta    struct {
				Size int64 `json:"size"`
			} `json:"meta"`
		} `json:"data"`
	}
	if err := c.get(ctx, m.Endpoint()+"/models", &models); err != nil {
		return nil, err
	}
	said := &llm.Listing{}
	for _, x := range models.Data {
		said.Models = append(said.Models, llm.Listed{ID: x.ID, Aliases: x.Aliases, Root: x.Root, Parent: x.Parent, Bytes: x.Meta.Size})
	}
	var props struct {
		Path string `json:"model_path"`
	}
	// Only llama.cpp's server has it, beside the API.
	if err := c.get(ctx, strings.TrimSuffix(m.Endpoint(), "/v1")+"/props", &props); err == nil {
		said.File = props.Path
	}
	return said, nil
}

// get reads one JSON document of a server.
func (c *chatter) get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	x := &exchange{chatter: c}
	resp, err := x.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d", req.URL.Path, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(data)).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(req.URL.Path, "/"), err)
	}
	return nil
}
