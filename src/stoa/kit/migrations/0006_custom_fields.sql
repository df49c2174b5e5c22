--! compatible with 0005
-- What an admin adds to the things of this service: which fields there are, and of what kind.
CREATE TABLE custom_fields (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity     text NOT NULL,
    name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    type       text NOT NULL CHECK (type IN ('text', 'integer', 'boolean', 'date', 'choice', 'choices')),
    label      text NOT NULL,
    min        bigint,
    max        bigint CHECK (max >= min),
    earliest   date,
    latest     date CHECK (latest >= earliest),
    max_length integer CHECK (max_length > 0),
    choices    text[] NOT NULL,
    public     boolean NOT NULL,
    filterable boolean NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT custom_fields_name UNIQUE (entity, name)
);

-- A thing keeps its values by the number of the field: {"17": "red"}, null where it has none. So what is defined anew
-- under an old name finds nothing of before, and what is no longer defined is seen no more.

-- Those values by name, apart for who sees what.
CREATE FUNCTION named_fields(stored jsonb) RETURNS jsonb LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'public', coalesce(jsonb_object_agg(field.name, given.value) FILTER (WHERE field.public), '{}'),
        'private', coalesce(jsonb_object_agg(field.name, given.value) FILTER (WHERE NOT field.public), '{}')
    )
    FROM jsonb_each(stored) AS given JOIN custom_fields AS field ON field.id = given.key::bigint;
END;

-- And back: null where no field of the entity has any of the names.
CREATE FUNCTION numbered_fields(of_entity text, named jsonb) RETURNS jsonb LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT jsonb_object_agg(field.id, given.value)
    FROM jsonb_each(named) AS given JOIN custom_fields AS field ON field.entity = of_entity AND field.name = given.key;
END;

-- What has which value of a filterable field, in the order in which lists are shown. `standing` is that of the things
-- which have one, since a list is of those that stand alike; of the others it is empty.
CREATE TABLE custom_field_values (
    field    bigint NOT NULL,
    value    text NOT NULL,
    standing text NOT NULL,
    subject  uuid NOT NULL,
    PRIMARY KEY (field, value, standing, subject)
);

CREATE FUNCTION values_of_fields(stored jsonb) RETURNS TABLE (field bigint, value text) LANGUAGE sql IMMUTABLE STRICT
BEGIN ATOMIC
    SELECT given.key::bigint, one.value #>> '{}'
    FROM jsonb_each(stored) AS given, jsonb_array_elements(
        CASE jsonb_typeof(given.value) WHEN 'array' THEN given.value ELSE jsonb_build_array(given.value) END
    ) AS one;
END;

-- A trigger of every table that is filtered by: whoever writes such a row, the list is right.
CREATE FUNCTION list_custom_fields() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM custom_field_values AS listed USING values_of_fields(OLD.custom_fields) AS old_value
        WHERE listed.field = old_value.field AND listed.value = old_value.value
            AND listed.standing = coalesce(to_jsonb(OLD) ->> 'standing', '') AND listed.subject = OLD.id;
    END IF;
    INSERT INTO custom_field_values (field, value, standing, subject)
    SELECT given.field, given.value, coalesce(to_jsonb(NEW) ->> 'standing', ''), NEW.id
    FROM values_of_fields(NEW.custom_fields) AS given
    JOIN custom_fields ON custom_fields.id = given.field AND custom_fields.filterable
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
