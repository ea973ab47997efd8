//go:build linux

package doctor

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/dotenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/tokens"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/safefile"
)

const tokensCheck = "tokens"

// maxToken is the longest secret file that is compared, in bytes. Tokens have less than 200.
const maxToken = 128 << 10

// tokenFacts are the tokens that gateways use, and what could not be looked at.
type tokenFacts struct {
	Shared   []tokens.Shared
	Profiles int // that were looked at
	Unknown  grouped
}

// judgeTokens reports which profiles use the same token. No value is known here.
func judgeTokens(f tokenFacts) []explain.Finding {
	n := notes{check: tokensCheck}
	for _, s := range f.Shared {
		var names []string
		for _, u := range s.Uses {
			names = append(names, u.Profile+" ("+u.From+")")
		}
		n.add(
			explain.LevelWarning,
			s.Variable,
			"give each profile a token of its own, or set state: down for all but one",
			"%d profiles use the same value, and only one gateway at a time can: %s",
			len(names),
			listing(names),
		)
	}
	for _, text := range f.Unknown.texts {
		n.unknown("profiles", "%s (%s)", text, listing(f.Unknown.names[text]))
	}
	if !n.bad() {
		n.ok("profiles", "no token of a chat service is used twice by %s",
			explain.Count(f.Profiles, "gateway"))
	}
	return n.list
}

// lookAtTokens compares the tokens of gateways that run or should. Values from .env files are
// compared by digests, which the user of each makes. The key is in memory alone.
func lookAtTokens(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	f, own := tokenFacts{}, p.own()
	profiles := slices.DeleteFunc(p.profiles(), func(profile manifest.Profile) bool {
		return !slices.Contains(own, profile.Name)
	})
	files := p.dotenvTokens(ctx, profiles, &f.Unknown)
	var uses []tokens.Use
	for i := range profiles {
		of := usesOf{&profiles[i], files[profiles[i].Name], nil, p.key(), p.containerVariable, &f.Unknown}
		of.readEnvFiles()
		for _, variable := range tokens.Exclusive {
			uses = append(uses, of.use(variable))
		}
	}
	f.Shared, f.Profiles = tokens.Find(uses), len(profiles)
	return judgeTokens(f), nil
}

// dotenvTokens are the digests of tokens in the .env files of profiles, by profile.
func (p *Facts) dotenvTokens(
	ctx context.Context,
	profiles []manifest.Profile,
	unknown *grouped,
) map[string]map[string]string {
	_, closed := p.homesClosed()
	if closed != "" {
		for _, profile := range profiles {
			unknown.add(".env was not read: "+closed, profile.Name)
		}
		return nil
	}
	answer := p.inspected(ctx)
	for _, profile := range profiles {
		if _, told := answer.Tokens[profile.Name]; told {
			continue
		}
		if why := answer.Found[profile.Name].Unknown; why != "" {
			unknown.add(".env was not read: "+why, profile.Name)
		} else {
			unknown.add(".env could not be read", profile.Name)
		}
	}
	return answer.Tokens
}

// usesOf finds which tokens one profile uses. What its .env says goes before its environment.
type usesOf struct {
	*manifest.Profile
	files     map[string]string // digests of what its .env says
	envFiles  map[string]string // what the files of env_file say together
	key       []byte
	container func(variable string) (string, error)
	unknown   *grouped
}

// readEnvFiles reads the files of env_file, of which a later one wins.
func (u *usesOf) readEnvFiles() {
	u.envFiles = map[string]string{}
	for _, file := range u.EnvFiles {
		data, _, err := safefile.ReadOwn(file, home.MaxSettings)
		if err != nil && !safefile.IsAbsent(err) {
			u.unknown.add(fmt.Sprintf("env_file cannot be read: %v", safefile.Cause(err)), u.Name)
		}
		maps.Copy(u.envFiles, dotenv.Parse(data))
	}
}

// use is the value of one variable that reaches hermes, as a digest, and where it stands.
func (u usesOf) use(variable string) tokens.Use {
	use := tokens.Use{Profile: u.Name, Variable: variable}
	if digest, set := u.files[variable]; set {
		use.Same, use.From = digest, ".env"
		return use
	}
	for _, s := range u.Secrets {
		if s.Name == variable {
			use.Same, use.From = u.ofFile(s), "secrets"
			return use
		}
	}
	for _, v := range u.Env {
		if v.Name == variable {
			use.Same, use.From = tokens.Digest(u.key, v.Value), "env"
			return use
		}
	}
	if u.Says(variable) { // unset drops it
		return use
	}
	if use.Same, use.From = u.ofFolder(variable), "secrets_dir"; use.Same != "" {
		return use
	}
	if value, set := u.envFiles[variable]; set {
		use.Same, use.From = tokens.Digest(u.key, value), "env_file"
		return use
	}
	value, err := u.container(variable)
	if err != nil {
		u.unknown.add(fmt.Sprintf("what the container sets is not known: %v", err), u.Name)
	}
	use.Same, use.From = tokens.Digest(u.key, value), "the container"
	return use
}

// ofFolder is the digest of a variable in secrets_dir; empty where there is none.
func (u usesOf) ofFolder(variable string) string {
	if u.SecretsDir == "" {
		return ""
	}
	return u.ofFile(manifest.Secret{Name: variable, File: path.Join(u.SecretsDir, variable)})
}

// ofFile is the digest of a secret, without what ./run drops: a byte order mark and one line end.
func (u usesOf) ofFile(s manifest.Secret) string {
	data, _, err := safefile.ReadOwn(s.File, maxToken)
	if err != nil {
		if !safefile.IsAbsent(err) { // a gateway without its secret does not start
			u.unknown.add(fmt.Sprintf("secret %s cannot be read: %v", s.Name, safefile.Cause(err)),
				u.Name)
		}
		return ""
	}
	text := strings.TrimPrefix(string(data), "\uFEFF")
	return tokens.Digest(u.key, strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
}
