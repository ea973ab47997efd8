package kubernetes

import (
	"fmt"
	"time"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
)

// manifestAnnotation holds, as a manifest, what the objects have no place for.
const manifestAnnotation = "hermes-reconcile/manifest"

// builtinDocument is a manifest that says nothing of its own.
func builtinDocument() (*manifest.Manifest, error) {
	return manifest.Parse([]manifest.Source{{Name: "builtin", Data: []byte("version: 1\nprofiles:\n")}})
}

// lost is a profile with only what the objects have no place for, as a manifest of one line.
func (e *exporter) lost(p manifest.Profile) (string, error) {
	q := manifest.Builtin(p.Name, 0)
	q.PortEnv, q.User, q.Restart, q.Backoff, q.Log = p.PortEnv, p.User, p.Restart, p.Backoff, p.Log
	q.Unset, q.Secrets = p.Unset, p.Secrets
	q.EnvFiles, q.SecretsDir = p.EnvFiles, p.SecretsDir
	if p.State == manifest.StateLast {
		q.State = p.State
	}
	if p.Home == e.manifest.HermesHome { // else the volume's place says it
		q.Home = p.Home
	}
	if p.StopTimeout%time.Second != 0 {
		q.StopTimeout = p.StopTimeout
	}
	if r := p.Ready; r != nil {
		q.Port, q.Ready = p.Port, r
	}
	q.Memory, q.RestartOn = p.Memory, p.RestartOn
	q.Drain = p.Drain
	if a := p.Alive; a != nil {
		q.Port, q.Alive = p.Port, a
	}
	excerpt, err := e.excerpts.Make(&q)
	if err != nil {
		return "", fmt.Errorf("cannot write what Kubernetes has no place for: %w", err)
	}
	return string(excerpt.Text), nil
}

// documentExcerpt is what a manifest says around its profiles, empty where that is nothing.
func documentExcerpt(m *manifest.Manifest) (string, error) {
	builtin, err := builtinDocument()
	if err != nil {
		return "", err
	}
	around := *m
	around.Profiles = builtin.Profiles
	if around.Same(builtin) {
		return "", nil
	}
	text, err := writing.Write(writing.Draft{Manifest: &around})
	return string(text), err
}

// parseLost reads an annotation.
func parseLost(file, text string) (*manifest.Manifest, error) {
	return manifest.Parse([]manifest.Source{{Name: file + ": annotation " + manifestAnnotation, Data: []byte(text)}})
}
