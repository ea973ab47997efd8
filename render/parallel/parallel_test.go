package parallel

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEach(t *testing.T) {
	for _, processors := range []int{1, 2, 7} {
		t.Run(fmt.Sprint(processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			for _, n := range []int{0, 1, 2, 100} {
				times := make([]atomic.Int64, n)
				require.NoError(t, Each(n, func(i int) error { times[i].Add(1); return nil }))
				for i := range times {
					require.EqualValues(t, 1, times[i].Load(), i)
				}
			}
			var last atomic.Int64
			err := Each(1000, func(i int) error {
				last.Store(int64(i))
				if i >= 30 {
					return errors.New(fmt.Sprint(i))
				}
				return nil
			})
			require.EqualError(t, err, "30", "the error of the lowest number")
			require.Less(t, last.Load(), int64(100), "nothing is begun after an error")
			require.PanicsWithValue(t, "impossible", func() {
				_ = Each(1000, func(i int) error {
					if i == 5 {
						panic("impossible")
					}
					return nil
				})
			})
		})
	}
}
