package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vbge/server/catalog"
)

// catalogFlags are the flags of every command that opens a catalogue.
type catalogFlags struct {
	uri, collection, tokenFile string
}

func (f *catalogFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.uri, "uri", "./catalog.db", "Milvus: a local .db file, http://host:19530, or https://host")
	c.Flags().StringVar(&f.collection, "collection", catalog.DefaultCollection, "Milvus collection")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "file with the token of a Milvus server; otherwise $MILVUS_TOKEN")
}

// options returns what catalog.Open takes, without the model.
func (f *catalogFlags) options() (catalog.Options, error) {
	o := catalog.Options{URI: f.uri, Collection: f.collection, Token: os.Getenv("MILVUS_TOKEN")}
	if f.tokenFile != "" {
		token, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return o, fmt.Errorf("%w: read --token-file: %w", errUsage, err)
		}
		o.Token = strings.TrimSpace(string(token))
	}
	return o, nil
}
