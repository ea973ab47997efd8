package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server answers the n-th request with the n-th status, and all later ones with the last.
func server(t *testing.T, statuses ...int) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(requests.Add(1))
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(statuses[min(n, len(statuses))-1])
		fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/health?x=1", requests
}

func TestWhatIsAGoodAnswer(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	for status, good := range map[int]bool{200: true, 204: true, 302: true, 399: true, 400: false, 401: false, 404: false, 503: false} {
		url, requests := server(t, status)
		err := Once(t.Context(), url)
		require.EqualValues(t, 1, requests.Load(), "a redirect was followed")
		if good {
			require.NoError(t, err, "%d", status)
			continue
		}
		require.EqualError(t, err, fmt.Sprintf("answers %d %s", status, http.StatusText(status)))
	}
}

// listen gives the address of a server that treats its connections so.
func listen(t *testing.T, treat func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		var held []net.Conn // one that is not referenced any more would be closed
		for {
			conn, err := l.Accept()
			if err != nil {
				for _, conn := range held {
					conn.Close()
				}
				return
			}
			held = append(held, conn)
			treat(conn)
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

func TestReasons(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := "http://" + l.Addr().String() + "/"
	l.Close()
	for url, want := range map[string]string{
		refused: "connection refused",
		listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)); c.Close() }):                                 "closes the connection without an answer",
		listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)); fmt.Fprint(c, "\x00?\r\n\r\n"); c.Close() }): "malformed HTTP",
	} {
		require.ErrorContains(t, Once(t.Context(), url), want)
	}
}

func TestAnswerThatNeverComes(t *testing.T) {
	t.Parallel()
	url := listen(t, func(net.Conn) {})
	require.EqualError(t, Once(t.Context(), url), "no answer within 5s")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.Error(t, Once(ctx, url))
}

func TestAnswerWithoutEndIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat("x", 4096))); err != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	require.NoError(t, Once(t.Context(), s.URL))
}

// asking is the question whether anybody serves at a URL.
func asking(url string) Question { return Of(url, func(int) string { return "" }) }

// A good answer of another program is none.
func TestAnswersOfStrangers(t *testing.T) {
	at, _ := server(t, http.StatusOK)
	var asked int
	err := Of(at, func(port int) string { asked = port; return `"x" (pid 7)` })(t.Context())
	require.EqualError(t, err, `"x" (pid 7) answers instead`)
	require.Equal(t, port(at), asked)
	require.Equal(t, []int{80, 443, 9201}, []int{port("http://a/"), port("https://a/"), port("http://127.0.0.1:9201/x")})
	bad, _ := server(t, http.StatusNotFound)
	require.EqualError(t, Of(bad, func(int) string { panic("none answered well") })(t.Context()), "answers 404 Not Found")
}

func TestWait(t *testing.T) {
	t.Parallel()
	url, requests := server(t, 503, 503, 200)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // the first pauses are short for any interval
	defer cancel()
	require.NoError(t, Wait(ctx, asking(url), time.Hour, time.Hour))
	require.EqualValues(t, 3, requests.Load())

	url, _ = server(t, 503)
	err := Wait(t.Context(), asking(url), 10*time.Millisecond, 100*time.Millisecond)
	var late *LateError
	require.ErrorAs(t, err, &late)
	require.EqualError(t, err, "not ready after 100ms: answers 503 Service Unavailable")

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	require.True(t, errors.Is(Wait(ctx, asking(url), time.Hour, time.Hour), context.Canceled))
}

func TestEachAsksSideBySide(t *testing.T) {
	t.Parallel()
	good, _ := server(t, 200)
	asked := make(chan time.Time, 10)
	silent := listen(t, func(net.Conn) { asked <- time.Now() })
	urls := []string{good, "", silent}
	for range 9 {
		urls = append(urls, silent)
	}
	errs := Each(t.Context(), urls)
	first, last := <-asked, time.Time{}
	for range 9 {
		last = <-asked
	}
	require.Less(t, last.Sub(first), patience, "the last one was asked before there was no answer to the first")
	require.Len(t, errs, len(urls))
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	for _, err := range errs[2:] {
		require.EqualError(t, err, "no answer within 5s")
	}
}

func TestCheck(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:1/", "https://x", "http://[::1]:80/a?b"} {
		require.NoError(t, Check(good))
	}
	for _, bad := range []string{"", "x", "/health", "127.0.0.1:80/x", "ftp://x/", "http:///x", "http://a b/", "http://x:y/"} {
		require.Error(t, Check(bad), bad)
	}
}
