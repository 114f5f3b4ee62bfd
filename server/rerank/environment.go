package rerank

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const maxKeyBytes = 4096

// OptionsFromEnvironment takes the key from OPENAI_API_KEY, or from a file where one is named, and
// the server's address from OPENAI_BASE_URL. A key is never a flag: others on the machine see those.
func OptionsFromEnvironment(getenv func(string) string, keyFile string) (Options, error) {
	options := Options{APIKey: strings.TrimSpace(getenv("OPENAI_API_KEY")), BaseURL: strings.TrimSpace(getenv("OPENAI_BASE_URL"))}
	if keyFile == "" {
		return options, nil
	}
	file, err := os.Open(keyFile)
	if err != nil {
		return Options{}, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	defer file.Close()
	key, err := io.ReadAll(io.LimitReader(file, maxKeyBytes+1))
	switch {
	case err != nil:
		return Options{}, fmt.Errorf("%w: %w", ErrNoKey, err)
	case len(key) > maxKeyBytes:
		return Options{}, fmt.Errorf("%w: %s is larger than %d bytes, it should hold nothing but the key", ErrNoKey, keyFile, maxKeyBytes)
	case strings.TrimSpace(string(key)) == "":
		return Options{}, fmt.Errorf("%w: %s is empty", ErrNoKey, keyFile)
	}
	options.APIKey = strings.TrimSpace(string(key))
	return options, nil
}
