//go:build linux

package homes

import (
	"context"
	"maps"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/home"
)

// Inspect is Ask, and finds something of each of these profiles: where its user cannot be asked,
// which cannotBe gives the reason for, or does not answer, it finds why nothing is known.
func (h *Homes) Inspect(
	ctx context.Context,
	profiles []string,
	cannotBe func(user string) (why string),
	request func(profiles []string) home.Request,
) home.Answer {
	closed := map[string]home.Finding{}
	open := slices.DeleteFunc(slices.Clone(profiles), func(profile string) bool {
		if why := cannotBe(h.Users[profile]); why != "" {
			closed[profile] = home.Finding{Unknown: why}
		}
		return closed[profile].Unknown != ""
	})
	answer := h.Ask(ctx, open, request)
	if answer.Found == nil {
		answer.Found = map[string]home.Finding{}
	}
	maps.Copy(answer.Found, closed)
	for _, profile := range profiles {
		if _, told := answer.Found[profile]; !told {
			answer.Found[profile] = home.Finding{
				Unknown: "no answer from the process that looks there",
			}
		}
	}
	return answer
}
