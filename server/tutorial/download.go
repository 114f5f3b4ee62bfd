package tutorial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxFailures is how often in a row a download may fail without any progress.
const maxFailures = 5

// source is one file to download.
type source struct {
	url   string
	sum   string // SHA-256 if it is known beforehand
	limit int64  // largest size in bytes
}

type downloader struct {
	client       *http.Client
	stall, pause time.Duration
	log          io.Writer
	progress     func(name string, done, total int64)
}

// broken is a failure after which the rest of the file may still be had.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// download brings the whole source into part, from where part ends. Beside it part.validator names
// the version that part is of.
func (d *downloader) download(ctx context.Context, s source, part string) error {
	fmt.Fprintf(d.log, "downloading %s\n", s.url)
	for failures := 0; ; {
		before := sizeOf(part)
		err := d.attempt(ctx, s, part)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("stopped at %d bytes, run again to resume: %w", sizeOf(part), ctx.Err())
		}
		if !errors.As(err, new(broken)) {
			return err
		}
		if sizeOf(part) > before {
			failures = 0
		}
		failures++
		if failures == maxFailures {
			return fmt.Errorf("stopped at %d bytes after %d failures, run again to resume: %w", sizeOf(part), failures, err)
		}
		pause := d.pause << (failures - 1)
		fmt.Fprintf(d.log, "%v; resuming at %d bytes in %v\n", err, sizeOf(part), pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// attempt makes one request and appends what it brings.
func (d *downloader) attempt(ctx context.Context, s source, part string) error {
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	offset, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(d.stall, func() { cancel(fmt.Errorf("nothing received for %v", d.stall)) })
	defer stalled.Stop()

	response, err := d.request(ctx, s.url, offset, part)
	if err != nil {
		return broken{reason(ctx, err)}
	}
	defer response.Body.Close()
	offset, total, err := d.accept(response, file, part, offset)
	if err != nil || offset == total {
		return err
	}
	if size := max(total, offset); size > s.limit {
		return fmt.Errorf("%d bytes are more than the %d that this file may have", size, s.limit)
	}

	body := &countingBody{d: d, next: response.Body, stalled: stalled, name: filepath.Base(s.url), done: offset, total: total}
	if _, err := io.Copy(file, io.LimitReader(body, s.limit-offset+1)); errors.As(err, new(broken)) {
		return broken{reason(ctx, err)}
	} else if err != nil {
		return err
	}
	switch {
	case body.done > s.limit:
		return errors.Join(fmt.Errorf("it is larger than the %d bytes that this file may have", s.limit), discard(part))
	case total >= 0 && body.done != total:
		return broken{fmt.Errorf("got %d bytes of %d", body.done, total)}
	}
	return file.Close()
}

// accept readies the file for what the server answers to a request from an offset on. It returns
// where the answer's bytes go and how many the file has in all, -1 if that is not known.
func (d *downloader) accept(response *http.Response, file *os.File, part string, offset int64) (at, total int64, err error) {
	switch code := response.StatusCode; {
	case code == http.StatusPartialContent:
		if at, total = contentRange(response); at != offset {
			err = broken{fmt.Errorf("asked for bytes from %d, got %q", offset, response.Header.Get("Content-Range"))}
			return 0, 0, errors.Join(err, discard(part))
		}
		return at, total, nil
	case code == http.StatusOK && response.ContentLength == 0:
		return 0, 0, broken{errors.New("the server sends an empty file")}
	case code == http.StatusOK: // from the start: the server knows no ranges, or has another version by now
		return 0, response.ContentLength, errors.Join(file.Truncate(0), rewind(file), writeValidator(part, response))
	case code == http.StatusRequestedRangeNotSatisfiable:
		if _, total = contentRange(response); total == offset {
			return offset, total, nil // an earlier run was stopped between the last byte and the new name
		}
		return 0, 0, errors.Join(broken{errors.New("what was there does not fit, starting over")}, discard(part))
	default:
		err = fmt.Errorf("the server answers %d %s", code, http.StatusText(code))
		if code >= 500 || code == http.StatusTooManyRequests {
			err = broken{err}
		}
		return 0, 0, err
	}
}

func (d *downloader) request(ctx context.Context, url string, offset int64, part string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	// A compressed answer would count other bytes than those in the file.
	request.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if validator, err := os.ReadFile(validatorOf(part)); err == nil && len(validator) > 0 {
			request.Header.Set("If-Range", string(validator))
		}
	}
	return d.client.Do(request)
}

// countingBody reports progress, keeps the stall timer from ringing, and marks its errors as those
// of the connection, not of the disk.
type countingBody struct {
	d           *downloader
	next        io.Reader
	stalled     *time.Timer
	name        string
	done, total int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.next.Read(p)
	if n > 0 {
		b.done += int64(n)
		b.stalled.Reset(b.d.stall)
		b.d.progress(b.name, b.done, b.total)
	}
	if err != nil && err != io.EOF {
		err = broken{err}
	}
	return n, err
}

// contentRange reads "bytes 5-9/10" and "bytes */10"; what is not there is -1.
func contentRange(response *http.Response) (first, total int64) {
	var last int64
	header := response.Header.Get("Content-Range")
	if n, _ := fmt.Sscanf(header, "bytes %d-%d/%d", &first, &last, &total); n == 3 {
		return first, total
	} else if n == 2 {
		return first, last + 1 // "bytes 5-9/*"
	}
	if _, err := fmt.Sscanf(header, "bytes */%d", &total); err == nil {
		return -1, total
	}
	return -1, -1
}

// refuseDowngrade keeps the first download, whose sum nobody knows yet, on authenticated connections.
func refuseDowngrade(request *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if via[0].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s", request.URL.Redacted())
	}
	return nil
}

// writeValidator keeps what If-Range needs (RFC 9110 section 13.1.5: a strong ETag, else the date).
func writeValidator(part string, response *http.Response) error {
	validator := response.Header.Get("ETag")
	if validator == "" || strings.HasPrefix(validator, "W/") {
		validator = response.Header.Get("Last-Modified")
	}
	return os.WriteFile(validatorOf(part), []byte(validator), 0o644)
}

func validatorOf(part string) string { return part + ".validator" }

// discard removes a partial file and its validator, where they are there.
func discard(part string) error {
	var errs []error
	for _, file := range []string{part, validatorOf(part)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func rewind(file *os.File) error {
	_, err := file.Seek(0, io.SeekStart)
	return err
}

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// reason prefers why a request was cancelled to the mere fact.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
