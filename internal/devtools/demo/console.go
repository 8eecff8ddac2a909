package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// console tells a person what happens: one line a step, with its time; on a
// terminal the running step counts its seconds.
type console struct {
	out      io.Writer
	terminal bool
}

func newConsole(out io.Writer) *console {
	c := &console{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		c.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return c
}

func (c *console) line(text string) { fmt.Fprintln(c.out, text) }

func (c *console) step(ctx context.Context, title string, run func(context.Context) error) error {
	began := time.Now()
	stop := c.spin(title, began)
	err := run(ctx)
	stop()
	mark := "ok"
	switch {
	case ctx.Err() != nil:
		mark = "stopped"
	case err != nil:
		mark = "failed"
	}
	fmt.Fprintf(c.out, "%s%-50s %s  %.1f s\n", c.rewind(), title, mark, time.Since(began).Seconds())
	return err
}

// spin shows the running step; the returned function ends it.
func (c *console) spin(title string, began time.Time) func() {
	if !c.terminal {
		fmt.Fprintf(c.out, "%s …\n", title)
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			fmt.Fprintf(c.out, "%s%-50s … %.0f s", c.rewind(), title, time.Since(began).Seconds())
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(end); <-ended }
}

func (c *console) rewind() string {
	if c.terminal {
		return "\r\x1b[2K"
	}
	return ""
}
