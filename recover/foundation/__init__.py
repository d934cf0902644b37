"""What everything stands on: settings, errors, money, time, secrets, database."""
