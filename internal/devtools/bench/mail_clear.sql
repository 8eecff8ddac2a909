-- Between two measurements that only enqueue: nothing is left to drain.
TRUNCATE sespan.mail_queue, sespan.mail_message, sespan.mail_outcome
