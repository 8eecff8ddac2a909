SELECT sespan.stats_fold()
