package docscommands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sespan/internal/devtools/poll"
)

// limit bounds one command.
const limit = 2 * time.Minute

// Shell runs the steps of a page in a folder of its own.
type Shell struct {
	Dir     string            // where the commands begin
	Env     []string          // what they find in their environment
	Service string            // of pg_service.conf: where sql goes
	Prepare map[string]func() // what the page's marks ask for
	Places  map[string]string // addresses of the page, and where the test has them
	Begins  func(Step)        // told of each step; may be nil

	state  string // what a command leaves to the next one
	groups []int  // process groups of the commands, with what they left in the background
}

// errPrinted is a command that worked and printed something else than the page shows.
var errPrinted = errors.New("prints something else")

// Run does the steps and stops at the first one that fails; one that prints something
// else is told of at the end. The error names the lines of the page.
func (s *Shell) Run(ctx context.Context, steps []Step) error {
	s.state = filepath.Join(s.Dir, ".state")
	if err := os.WriteFile(s.state, nil, 0o600); err != nil {
		return err
	}
	var wrong error
	for _, step := range steps {
		if step.NotRun != "" {
			continue
		}
		if s.Begins != nil {
			s.Begins(step)
		}
		if err := s.step(ctx, step); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("line %d (%s): %w", step.Line, step.Section, err))
			if !errors.Is(err, errPrinted) {
				break
			}
		}
	}
	return wrong
}

func (s *Shell) step(ctx context.Context, step Step) error {
	switch step.Language {
	case "":
		prepare := s.Prepare[step.Prepare]
		if prepare == nil {
			return fmt.Errorf("the test knows no %q", step.Prepare)
		}
		prepare()
		return nil
	case "sql":
		service := step.Service
		if service == "" {
			service = s.Service
		}
		return s.check(ctx, "psql -X -v ON_ERROR_STOP=1 service="+service+" <<'END_OF_SQL'\n"+step.Text+"\nEND_OF_SQL", step.Output, step.Shown)
	}
	commands, err := step.Commands()
	if err != nil {
		return err
	}
	var wrong error
	for _, c := range commands {
		if err := s.check(ctx, c.Text, c.Output, len(c.Output) > 0); err != nil {
			wrong = errors.Join(wrong, err)
			if !errors.Is(err, errPrinted) {
				return err
			}
		}
	}
	return wrong
}

func (s *Shell) check(ctx context.Context, command string, output []string, shown bool) error {
	printed, err := s.Command(ctx, command)
	if err != nil {
		return fmt.Errorf("%s\n%w\n%s", command, err, printed)
	}
	if !shown {
		return nil
	}
	for page, real := range s.Places {
		printed = strings.ReplaceAll(printed, real, page)
	}
	if wrong := Mismatch(output, strings.Split(printed, "\n")); wrong != "" {
		return fmt.Errorf("%s\n%w: %s", command, errPrinted, wrong)
	}
	return nil
}

// Command runs one command after those before and gives what it prints. Its output goes
// to a file: what it leaves in the background may keep that open.
func (s *Shell) Command(ctx context.Context, command string) (string, error) {
	for page, real := range s.Places {
		command = strings.ReplaceAll(command, page, real)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := os.CreateTemp(s.Dir, ".output-")
	if err != nil {
		return "", err
	}
	defer func() { _ = out.Close(); _ = os.Remove(out.Name()) }()
	script := `. "$1"; set -eu -o pipefail; eval "$2"; { export -p; printf 'cd %q\n' "$PWD"; } > "$1"`
	cmd := exec.CommandContext(ctx, "bash", "-c", script, "bash", s.state, command) //nolint:gosec // the commands of a page
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Dir, s.Env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Start()
	if err == nil {
		s.groups = append(s.groups, cmd.Process.Pid)
		err = cmd.Wait()
	}
	printed, readErr := os.ReadFile(out.Name())
	return string(printed), errors.Join(err, readErr)
}

// Close ends what the commands left in the background.
func (s *Shell) Close() {
	for _, group := range s.groups {
		_ = syscall.Kill(-group, syscall.SIGTERM)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, group := range s.groups {
		_ = poll.Until(ctx, 20*time.Millisecond, func() (bool, error) { // a group is gone with its last process
			return errors.Is(syscall.Kill(-group, 0), syscall.ESRCH), nil
		})
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	s.groups = nil
}
