-- What a site does for each page: it reads a user, and writes something.
WITH seen AS (UPDATE public.auth_user SET date_joined = now() WHERE id = $1 RETURNING id) SELECT u.username FROM public.auth_user u JOIN seen USING (id)
