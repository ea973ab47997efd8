// Package probe finds out whether a gateway serves, by an HTTP request to it.
//
// Once asks once, Each does so with several, Wait asks until there is a good answer. A good answer
// is any with a status from 200 to 399. Nothing here goes through a proxy, follows a redirect, or
// keeps a connection.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"hermes-reconcile/reconcile/fault"
)

// patience is how long one request may take. A gateway on the same machine that needs longer does
// not serve.
const patience = 5 * time.Second

// firstPause is between the first and the second request of Wait; each further pause is twice as
// long, up to the interval.
const firstPause = 50 * time.Millisecond

// maxBody is how much of an answer is read, in bytes, to let the server end it in its own way.
const maxBody = 64 << 10

// Check reports whether a URL can be asked at all.
func Check(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%q is not a URL", raw)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%q is not a URL that can be asked (want http://HOST:PORT/PATH)", raw)
	}
	return nil
}

// Once asks once. Its error says what was wrong with the answer, without the URL.
func Once(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "hermes-reconcile")
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return reason(ctx, err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxBody)
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("answers %d %s", response.StatusCode,
			http.StatusText(response.StatusCode))
	}
	return nil
}

// reason is what a request failed for, without the URL and the address that net puts before it.
func reason(ctx context.Context, err error) error {
	var errno syscall.Errno
	var failed *url.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s", patience)
	case errors.Is(err, io.EOF):
		return errors.New("closes the connection without an answer")
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &failed):
		return failed.Err
	}
	return err
}

// maxAsked is how many URLs Each asks at a time.
const maxAsked = 16

// Each asks each URL once, side by side: a hundred that do not answer take no minutes. An empty one
// has no error.
func Each(ctx context.Context, urls []string) []error {
	errs := make([]error, len(urls))
	turns := make(chan struct{}, maxAsked)
	var all sync.WaitGroup
	for i, url := range urls {
		if url == "" {
			continue
		}
		all.Go(func() {
			defer fault.Recover(&errs[i])
			turns <- struct{}{}
			defer func() { <-turns }()
			errs[i] = Once(ctx, url)
		})
	}
	all.Wait()
	return errs
}

// LateError says that there was no good answer in time.
type LateError struct {
	After time.Duration
	Err   error // of the last request
}

func (e *LateError) Error() string {
	return fmt.Sprintf("not ready after %s: %v", e.After, e.Err)
}

func (e *LateError) Unwrap() error { return e.Err }

// Question asks once, and has an error where the answer was no good one.
type Question func(ctx context.Context) error

// Of is the question whether something serves at a URL. An answer does not count where stranger
// names another process that listens there.
func Of(url string, stranger func(port int) string) Question {
	return func(ctx context.Context) error {
		if err := Once(ctx, url); err != nil {
			return err
		}
		if name := stranger(port(url)); name != "" {
			return fmt.Errorf("%s answers instead", name)
		}
		return nil
	}
}

// port is the port of a URL, also where it is not said.
func port(raw string) int {
	u, err := url.Parse(raw)
	if err != nil {
		return 0
	}
	number, err := strconv.Atoi(u.Port())
	switch {
	case err == nil:
		return number
	case u.Scheme == "https":
		return 443
	}
	return 80
}

// Wait asks until there is a good answer, for at most timeout, with no more than interval between
// two requests. What the gateway needs to start is often less than an interval, so the first pauses
// are short.
func Wait(ctx context.Context, ask Question, interval, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for pause := min(firstPause, interval); ; pause = min(2*pause, interval) {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 && ctx.Err() == nil {
			return &LateError{timeout, err}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(pause, left)):
		}
	}
}
