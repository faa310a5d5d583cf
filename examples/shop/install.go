package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// packages are the folders in which what the services need is installed.
type packages struct{ node, python string }

// install installs what the lock files name into the user's cache, where it is not there yet.
func (s *shop) install(ctx context.Context) (p packages, err error) {
	if s.form != "modern" && s.form != "legacy" {
		return p, fmt.Errorf("form %q: it is modern or legacy", s.form)
	}
	for _, program := range []string{"node", "npm", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			return p, fmt.Errorf("%s is missing: the shop needs Node.js 20.6, npm and Python 3.10 with pip, or newer", program)
		}
	}
	if p.node, err = s.installed(ctx, "node", "node", []string{"package.json", "package-lock.json"}, "npm", "ci", "--silent", "--ignore-scripts"); err != nil {
		return p, err
	}
	p.python, err = s.installed(ctx, "python3", "python", []string{"requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	return p, err
}

// installed returns the folder in which the command has installed, for a
// program, what the files lock.
func (s *shop) installed(ctx context.Context, program, folder string, locks []string, command ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, program, "--version").Output() // packages may be made for it
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	hash, files := sha256.New(), map[string][]byte{}
	hash.Write(version)
	for _, name := range locks {
		if files[name], err = os.ReadFile(filepath.Join(s.source, folder, s.form, name)); err != nil {
			return "", err
		}
		hash.Write(files[name])
	}
	dir := filepath.Join(cache, "clew-shop", fmt.Sprintf("%s-%x", program, hash.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	// It gets its name when all of it is there.
	fmt.Printf("Installing packages for %s, once, to %s\n", program, dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), program+"-partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(partial)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(partial, name), text, 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = partial, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("packages for %s: %s: %w", program, cmd, err)
	}
	return dir, os.Rename(partial, dir)
}
