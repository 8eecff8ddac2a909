SELECT current_setting('server_version'),
       'fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')
       || ', full_page_writes ' || current_setting('full_page_writes')
