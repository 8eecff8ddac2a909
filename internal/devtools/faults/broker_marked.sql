SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM public.faults_marks s
