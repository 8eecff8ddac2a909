// Package smtptest is the fake SMTP server of every test and development tool.
// There are three, because there are three needs:
//
//	Server  accepts mail as a mail server does, with the extensions, TLS, AUTH and
//	        limits that its Options say, remembers what it has received, and at any
//	        phase does what Options.Fault says instead: another reply, a hang, a
//	        lost connection, garbage. Worker and fail-over tests, the fault campaign.
//	Script  serves each connection by a function of the test that reads lines and
//	        writes bytes through a Session. Tests of the protocol itself.
//	Sink    is emersion/go-smtp, an implementation that is not ours, and throws
//	        mails away as fast as it can. Measurements.
//
// A mail at a Server passes these phases, and Fault is asked at each:
//
//	Greeting → EHLO → MAIL → RCPT → DATA → Body → EndOfData
//	                         └───── BDAT ───↗
//
// A fault at EndOfData that is no refusal is a lost answer: the server has the mail
// and the client cannot know. Received marks it with Answered false.
package smtptest
