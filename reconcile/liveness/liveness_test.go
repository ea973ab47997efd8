package liveness

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// life is a gateway that is looked at, as long as a test goes on.
type life struct {
	t      *testing.T
	rules  Rules
	seen   Seen
	record Record
	answer error
	acts   []Act
	said   []string
}

func newLife(t *testing.T, rules Rules) *life {
	l := &life{t: t, rules: rules}
	l.seen = Seen{
		Gateway: Gateway{PID: 100, Start: 1000}, Now: time.Hour, Clock: time.Unix(1_700_000_000, 0).UTC(),
		Ask: func() error { return l.answer },
	}
	return l
}

// look makes so many looks, each as late as the one before has said. The record goes through its
// file in between.
func (l *life) look(times int) Verdict {
	l.t.Helper()
	var v Verdict
	for range times {
		v = l.record.Look(l.rules, l.seen)
		l.acts = append(l.acts, v.Act)
		if v.Say != "" {
			l.said = append(l.said, v.Say)
		}
		text, err := l.record.Text()
		require.NoError(l.t, err)
		require.Len(l.t, text, Size)
		read, err := Parse(text)
		require.NoError(l.t, err)
		require.Equal(l.t, l.record, *read)
		l.record = *read
		l.seen.Now += v.Pause
		l.seen.Clock = l.seen.Clock.Add(v.Pause)
	}
	return v
}

// did is what was done since the last call.
func (l *life) did() (acts []Act) {
	for _, a := range l.acts {
		if a != Nothing {
			acts = append(acts, a)
		}
	}
	l.acts = nil
	return acts
}

func usual() Rules {
	return Rules{
		URL: "http://127.0.0.1:1/health", Interval: 30 * time.Second, Failures: 4, Restart: true, Stop: 3 * time.Second,
	}
}

var errSilent = errors.New("no answer within 5s")

func TestAGatewayThatHangsIsEnded(t *testing.T) {
	l := newLife(t, usual())
	l.look(3)
	l.answer = errSilent
	l.look(3)
	require.Empty(t, l.did(), "three of four")
	v := l.look(1)
	require.Equal(t, Verdict{Term, "no good answer for 2m0s: no answer within 5s: restarting it", endPause}, v)
	l.look(2)
	require.Equal(t, []Act{Term}, l.did(), "it has 3 s to end")
	l.look(2)
	require.Equal(t, []Act{Kill}, l.did()[:1])
	require.Equal(t, "has not ended in 3s: killing it", l.said[len(l.said)-1])

	// The next one has the reason of its start, and begins anew.
	l.seen.Gateway = Gateway{PID: 100, Start: 2000} // numbers are used again
	l.answer, l.said = nil, nil
	l.did()
	l.look(1)
	require.Equal(t, "no good answer for 2m0s: no answer within 5s", l.record.Last.Why)
	require.Nil(t, l.record.Ending)
	l.look(10)
	require.Empty(t, l.did())
	require.Empty(t, l.said)
}

func TestAGoodAnswerInBetweenBeginsAnew(t *testing.T) {
	l := newLife(t, usual())
	l.look(1)
	for range 5 {
		l.answer = errSilent
		l.look(3)
		l.answer = nil
		l.look(1)
	}
	require.Empty(t, l.did())
	require.Empty(t, l.said)
}

// TestAGatewayThatStartsIsLeftAlone: however long that takes.
func TestAGatewayThatStartsIsLeftAlone(t *testing.T) {
	l := newLife(t, usual())
	l.answer = errSilent
	l.look(1000)
	require.Empty(t, l.did())
	require.Equal(t, errSilent.Error(), l.record.Why)
}

// TestAWrongQuestionRestartsNothing: a path that the gateway has never answered well is a mistake
// of the manifest.
func TestAWrongQuestionRestartsNothing(t *testing.T) {
	l := newLife(t, usual())
	l.look(3)
	l.rules.URL = "http://127.0.0.1:1/wrong"
	l.answer = errors.New("answers 404 Not Found")
	l.look(100)
	require.Empty(t, l.did())
}

// TestWhatSaysNothingOfTheGatewayCountsForNothing: this process could not ask.
func TestWhatSaysNothingOfTheGatewayCountsForNothing(t *testing.T) {
	l := newLife(t, usual())
	l.look(1)
	l.answer = &Unknown{errors.New("too many open files")}
	l.look(100)
	require.Empty(t, l.did())
	l.answer = errSilent
	l.look(3)
	require.Empty(t, l.did())
	l.look(1)
	require.Equal(t, []Act{Term}, l.did())
}

// TestAGatewayThatIsStoppedIsLeftAlone: nor counts what it did meanwhile.
func TestAGatewayThatIsStoppedIsLeftAlone(t *testing.T) {
	l := newLife(t, usual())
	l.look(1)
	l.answer = errSilent
	l.look(3)
	l.seen.Leave = "is being stopped"
	l.look(100)
	l.seen.Leave = ""
	l.look(3)
	require.Empty(t, l.did())
	l.look(1)
	require.Equal(t, []Act{Term}, l.did())
	l.seen.Leave = "is being stopped"
	l.look(100)
	require.Empty(t, l.did(), "s6 kills it in time")
}

func TestReportSaysItOnceAndWhenItIsOver(t *testing.T) {
	rules := usual()
	rules.Restart = false
	l := newLife(t, rules)
	l.look(1)
	l.answer = errSilent
	l.look(20)
	l.answer = nil
	l.look(3)
	require.Empty(t, l.did())
	require.Equal(t, []string{
		"is not alive: no good answer for 2m0s: no answer within 5s", "answers again, after 10m30s",
	}, l.said)
}

func TestMemoryOverTheLimitForAMinute(t *testing.T) {
	for _, drain := range []time.Duration{0, time.Minute} {
		l := newLife(t, Rules{Interval: 30 * time.Second, Memory: 1e9, Stop: time.Second, Drain: drain})
		l.seen.Memory = 1e9
		l.look(10)
		l.seen.Memory = 1e9 + 1
		l.look(2)
		l.seen.Memory = 1e9
		l.look(1)
		l.seen.Memory = 2_345_000_000
		l.look(2)
		require.Empty(t, l.did(), "peaks")
		require.Equal(t, "took 2.3 GB, more than 1.0 GB, for 1m0s: restarting it", l.look(1).Say)
		if drain == 0 {
			require.Equal(t, []Act{Term}, l.did())
			continue
		}
		l.look(59)
		require.Equal(t, []Act{Drain}, l.did())
		require.Equal(t, "has not drained in 1m0s: telling it to end", l.look(1).Say)
		require.Equal(t, Kill, l.look(1).Act)
	}
}

// TestLooksAtMemoryComeBetweenQuestions: a gateway that is asked each five minutes is weighed each
// half one.
func TestLooksAtMemoryComeBetweenQuestions(t *testing.T) {
	rules := usual()
	rules.Interval, rules.Memory = 5*time.Minute, 1e9
	l := newLife(t, rules)
	asked := 0
	l.seen.Ask = func() error { asked++; return nil }
	require.Equal(t, LongestPause, l.look(1).Pause)
	l.look(100)
	require.Equal(t, 1+10, asked)
}

// TestFinishFindsTheEndOfAGateway: the script looks for this text.
func TestFinishFindsTheEndOfAGateway(t *testing.T) {
	l := newLife(t, usual())
	l.look(1)
	l.answer = errSilent
	l.look(4)
	text, err := l.record.Text()
	require.NoError(t, err)
	require.Contains(t, string(text), `"ending":{"pid":100,`)
}

func TestParseTakesWhatOthersWrite(t *testing.T) {
	for _, text := range []string{"{", "[]", "1", `{"ending": 1}`, "\xff"} {
		_, err := Parse([]byte(text))
		require.Error(t, err, text)
	}
	for _, c := range []string{"ä", "<", "\x00", "\"", "\\", "\u2028", "\n"} {
		long := strings.Repeat(c, Size)
		most := time.Duration(math.MaxInt64)
		text, err := json.Marshal(Record{
			Why: long, Last: &Last{Why: long}, Ending: &Ending{Why: long, At: most}, Looked: most, Asked: most,
			Answered: most, Next: most, Over: most, Memory: math.MaxInt64, Failures: math.MaxInt64,
		})
		require.NoError(t, err)
		r, err := Parse(text)
		require.NoError(t, err)
		require.LessOrEqual(t, len(r.Why), maxWhy)
		_, err = r.Text()
		require.NoError(t, err, "%q", c)
	}
	r, err := Parse([]byte(" \n"))
	require.NoError(t, err)
	require.Equal(t, Record{}, *r)
}
