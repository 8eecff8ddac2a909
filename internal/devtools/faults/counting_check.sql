SELECT format('%s %s, %s: counted %s, proven %s', noun, day, count, counted, proven) FROM sespan.stats_check()
