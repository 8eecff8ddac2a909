"""What happens to an order, one verb a file. Views call these; these call Sespan."""
