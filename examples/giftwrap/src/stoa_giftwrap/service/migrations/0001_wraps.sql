-- What was heard of an order, and what was chosen for it: no paper until somebody chooses.

CREATE TABLE wraps (
    order_id uuid PRIMARY KEY,
    user_id  uuid,
    paper    text NOT NULL DEFAULT '',
    message  text NOT NULL DEFAULT '' CHECK (length(message) <= 200),
    version  integer NOT NULL DEFAULT 0,
    is_open  boolean NOT NULL DEFAULT true
);
