package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end when it is asked to.
const stopTimeout = 20 * time.Second

// processes are Clew and the services.
type processes struct {
	ctx    context.Context // ends when one of them ends that should not
	cancel context.CancelCauseFunc
	log    io.Writer // gets whole lines
	all    []*process
}

func newProcesses(ctx context.Context, log io.Writer) *processes {
	p := &processes{log: log}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	return p
}

// process is a program that logs lines of JSON, of which one says where it listens.
type process struct {
	name     string
	cmd      *exec.Cmd
	heard    chan listening
	ended    chan struct{}
	stopping sync.Once
}

// listening is the line of a log that says where a process listens.
type listening struct{ Msg, Listener, Address, Addr string }

// start starts a program, with more environment variables.
func (ps *processes) start(name string, env []string, command ...string) (*process, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	p := &process{name: name, cmd: exec.Command(command[0], command[1:]...), heard: make(chan listening, 64), ended: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), "OTEL_SERVICE_NAME="+name), env...)
	p.cmd.Stdout, p.cmd.Stderr = in, in
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, who stop them in order
	if err := p.cmd.Start(); err != nil {
		out.Close()
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	ps.all = append(ps.all, p)
	go func() {
		last := p.follow(out, ps.log)
		err := p.cmd.Wait()
		ps.cancel(fmt.Errorf("%s ended: %v\n%s", name, err, last))
		close(p.ended)
	}()
	return p, nil
}

// follow copies the process's log until it ends, and returns the end of it.
func (p *process) follow(out io.ReadCloser, log io.Writer) (last []byte) {
	defer out.Close()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			log.Write(line)
			last = append(last, line...)
			last = last[max(0, len(last)-2000):]
		}
		var l listening
		if json.Unmarshal(line, &l) == nil && l.Msg == "listening" {
			select {
			case p.heard <- l:
			default: // nobody waits for so many
			}
		}
		if err != nil {
			return last
		}
	}
}

// listens waits until the process says where it listens.
func (ps *processes) listens(p *process) (listening, error) {
	select {
	case l := <-p.heard:
		return l, nil
	case <-ps.ctx.Done():
		return listening{}, context.Cause(ps.ctx)
	}
}

// stop ends the processes, the last first, except those of the names given.
func (ps *processes) stop(except ...string) (err error) {
	for _, p := range slices.Backward(ps.all) {
		if !slices.Contains(except, p.name) {
			err = errors.Join(err, p.stop())
		}
	}
	return err
}

// stop may be called again.
func (p *process) stop() (err error) {
	p.stopping.Do(func() {
		p.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended, which is what is wanted
		select {
		case <-p.ended:
		case <-time.After(stopTimeout):
			err = fmt.Errorf("%s did not end within %s", p.name, stopTimeout)
			p.cmd.Process.Kill()
			<-p.ended
		}
	})
	return err
}
