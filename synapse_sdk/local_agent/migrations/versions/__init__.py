"""The revisions of the schema. One that was released is never changed; the next one is written instead."""
