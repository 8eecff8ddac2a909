-- Each mark is an announcement, whether the broker took it or not. A sequence counts
-- them: it stands outside transactions and keeps nobody waiting.
CREATE SEQUENCE public.faults_marks;
CREATE FUNCTION public.faults_mark() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM nextval('public.faults_marks');
    RETURN NULL;
END
$$;
CREATE TRIGGER faults_mark AFTER UPDATE OF announced_at ON sespan.mail_queue FOR EACH ROW
WHEN (NEW.announced_at IS NOT NULL AND NEW.announced_at IS DISTINCT FROM OLD.announced_at) EXECUTE FUNCTION public.faults_mark();
