package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/kubernetes"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile/servicetree"
	"hermes-reconcile/s6ctl/safefile"
)

// exportFlags say what objects have and a manifest does not, and where they go.
type exportFlags struct {
	manifest manifestFlags
	to, out  string
	runAs    []string
	form     string
	options  kubernetes.Options
}

// kubernetesTarget is what there is to export to.
const kubernetesTarget = "kubernetes"

// newExportCommand has the flags of export. What a manifest does not say of a cluster, such as an
// image, has to be said there.
func newExportCommand(u ui) *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export --to kubernetes [-f FILE]... --out DIR",
		Short: "write the gateways as objects of Kubernetes; needs no s6",
		Long: `Write the gateways as objects of Kubernetes: a StatefulSet and a Service for each profile, and
a kustomization.yaml that names them. The same manifest gives the same bytes on every system.

Keys that Kubernetes has no place for are kept in an annotation, and keys without effect there are
named once. A key that cannot be exported is an error with its place, and nothing is written. Secrets
are never read: a comment has the kubectl command that stores them. init --from-kubernetes is the way back.`,
		Example: `  hermes-reconcile export --to kubernetes --image hermes:1 --out k8s
  kubectl diff -k k8s
  kubectl apply --server-side -k k8s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), u, flags) },
	}
	flags.manifest.add(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "`PLATFORM`: kubernetes")
	f.StringVar(&flags.out, "out", "", "`DIR` to write to; new or empty")
	f.StringVar(&flags.options.Namespace, "namespace", "", "`NAMESPACE` of the objects (default the one of kubectl)")
	f.StringVar(&flags.options.Image, "image", kubernetes.DefaultImage, "`IMAGE` of the pods, with hermes in it")
	f.StringArrayVar(&flags.runAs, "run-as", nil,
		"`ACCOUNT` as UID[:GID] for all, or NAME=UID[:GID] for one; may be given more than once (default hermes=10000)")
	f.StringVar(&flags.options.Storage, "storage", kubernetes.DefaultStorage, "`SIZE` of the volume of each profile")
	addPlainForm(cmd, &flags.form)
	return cmd
}

// runExport has all files in memory before it writes the first, so that an error leaves nothing
// behind.
func runExport(ctx context.Context, u ui, flags exportFlags) error {
	options, err := flags.check()
	if err != nil {
		return err
	}
	m, err := flags.manifest.names().Load(ctx)
	if err != nil {
		return err
	}
	exported, err := kubernetes.Export(m, options)
	if err != nil { // only the manifest or the flags can be wrong here: no disk was touched
		return usage.New(err)
	}
	var files []servicetree.NamedFile
	for _, f := range exported.Files {
		files = append(files, servicetree.NamedFile(f))
	}
	err = servicetree.WriteFiles(flags.out, files)
	if errors.Is(err, servicetree.ErrNotEmpty) || errors.Is(err, safefile.ErrNoFolder) {
		return withHint(usage.New(err), "name a new folder with --out")
	}
	if err != nil {
		return usage.Unwritten(err, "folder")
	}
	for _, note := range exported.Notes {
		u.warning(explain.WarnNoEffect, "%s", note)
	}
	if flags.form == formJSON {
		err = u.document(exportedTo(flags.out, m, files))
	} else {
		u.info("exported %s to %s", count(len(m.Profiles), "profile"), flags.out)
	}
	u.hint("read the comments there, then: kubectl apply --server-side -k %s", flags.out)
	return err
}

// exportedTo is what was written, for programs.
func exportedTo(
	folder string, m *manifest.Manifest, files []servicetree.NamedFile,
) explain.Exported {
	e := explain.Exported{
		Format: explain.OutputFormat, Platform: kubernetesTarget, Folder: folder,
		Profiles: explain.ProfilesOf(m.Profiles), Files: []string{},
	}
	for _, f := range files {
		e.Files = append(e.Files, f.Name)
	}
	return e
}

// check reports the first flag that is wrong.
func (f exportFlags) check() (kubernetes.Options, error) {
	const line = " export --to kubernetes --out DIR"
	o := f.options
	if f.to == "" {
		return o, withHint(usagef("--to is missing (want --to kubernetes)"), "%s", program+line)
	}
	if f.to != kubernetesTarget {
		return o, withHint(usagef("cannot export to %q (want --to kubernetes)", f.to), "%s", program+line)
	}
	if f.out == "" {
		return o, withHint(usagef("no folder to write to"), "%s", program+line)
	}
	var err error
	if o.RunAs, err = kubernetes.ParseAccounts(f.runAs); err == nil {
		err = o.Check()
	}
	if err != nil {
		return o, withHint(usage.New(err), "%s export --help", program)
	}
	return o, nil
}
