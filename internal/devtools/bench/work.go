package main

import (
	"context"
	_ "embed"
)

//go:embed work_begin.sql
var workBeginSQL string

//go:embed work_counters.sql
var workCountersSQL string

//go:embed work_reset.sql
var workResetSQL string

//go:embed work_statements.sql
var workStatementsSQL string

// work is what PostgreSQL did: statements of the service's login, and bytes of WAL.
type work struct{ statements, wal float64 }

func (w work) minus(v work) work { return work{w.statements - v.statements, w.wal - v.wal} }

// countWork has samples count from now on.
func (e *env) countWork(ctx context.Context) error {
	_, err := e.Admin.Exec(ctx, workBeginSQL)
	e.counting = err == nil
	return err
}

// work gives what was done so far.
func (e *env) work(ctx context.Context) (w work, err error) {
	if !e.counting {
		return w, nil
	}
	err = e.Admin.QueryRow(ctx, workCountersSQL).Scan(&w.statements, &w.wal)
	return w, err
}

// counted is sample with what PostgreSQL did meanwhile.
func (e *env) counted(ctx context.Context, do func() (float64, error)) (sample, error) {
	before, err := e.work(ctx)
	if err != nil {
		return sample{}, err
	}
	s, err := e.sample(do)
	if err != nil {
		return s, err
	}
	after, err := e.work(ctx)
	s.work = after.minus(before)
	return s, err
}

// forgetStatements begins the list of statements anew.
func (e *env) forgetStatements(ctx context.Context) error {
	_, err := e.Admin.Exec(ctx, workResetSQL)
	return err
}

// printStatements lists what the service's login asked for most, for each mail.
func (e *env) printStatements(ctx context.Context, mails float64) error {
	rows, err := e.Admin.Query(ctx, workStatementsSQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var calls, ms, wal, images float64
		if err := rows.Scan(&name, &calls, &ms, &wal, &images); err != nil {
			return err
		}
		e.printf("    %-24s %8.4f calls  %7.4f ms  %6.0f bytes of WAL  %7.4f page images   %.2f ms a call\n", name, calls/mails, ms/mails, wal/mails, images/mails, ms/calls)
	}
	return rows.Err()
}

// costs are what a mail costs in the median round.
type costs struct{ statements, wal, database float64 }

func costsOf(samples []sample) costs {
	return costs{
		statements: median(samples, func(s sample) float64 { return s.work.statements / s.ops }),
		wal:        median(samples, func(s sample) float64 { return s.work.wal / s.ops }),
		database:   median(samples, func(s sample) float64 { return s.cpu.database.Seconds() * 1000 / s.ops }),
	}
}

// printCosts prints the costs of each way and compares the brokers with the database.
func (f *fleet) printCosts(samples [][]sample) []costs {
	e := f.sites[0].env
	e.printf("  %-20s %11s %13s   CPU ms of %9s %9s %9s\n", "for each mail", "statements", "bytes of WAL", "database", "service", "broker")
	list := make([]costs, len(samples))
	for i, s := range samples {
		c := costsOf(s)
		list[i] = c
		e.printf("  %-20s %11.4f %13.0f             %9.4f %9.4f %9.4f\n", f.names[i], c.statements, c.wal, c.database,
			median(s, func(s sample) float64 { return s.cpu.server.Seconds() * 1000 / s.ops }),
			median(s, func(s sample) float64 { return s.cpu.broker.Seconds() * 1000 / s.ops }))
	}
	return list
}

const (
	workTarget = 1.5 // statements and WAL of a broker / of PostgreSQL alone
	cpuTarget  = 1.6
)

// reportCosts holds the brokers to their share of what the database alone costs.
func (f *fleet) reportCosts(list []costs, when string) {
	for i, c := range list[1:] {
		report, name := f.sites[0].report, f.names[i+1]
		report.AtMost(name+": statements for a mail / PostgreSQL alone, "+when, c.statements/list[0].statements, workTarget, "")
		report.AtMost(name+": WAL for a mail / PostgreSQL alone, "+when, c.wal/list[0].wal, workTarget, "")
		report.AtMost(name+": database's CPU for a mail / PostgreSQL alone, "+when, c.database/list[0].database, cpuTarget, "")
	}
}
