-- dead_count: what was given up, which is little beside what was sent.
CREATE INDEX notifications_dead ON notifications (channel) WHERE state = 'dead';
