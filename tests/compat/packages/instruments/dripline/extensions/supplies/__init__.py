__all__ = ['Supply', 'OwnWords', 'Limited', 'Setpoint']

from dripline.core import Entity, ThrowReply, calibrate
from dripline.implementations import EthernetSCPIService, FormatEntity, SimpleSCPIEntity


def milli(value):
    return 1000 * float(value)


class Supply(EthernetSCPIService):
    '''Reads and writes its socket itself.'''

    def __init__(self, prefix='', **kwargs):
        self.prefix = prefix
        self.connections = 0
        EthernetSCPIService.__init__(self, **kwargs)

    def _reconnect(self):
        self.connections += 1
        EthernetSCPIService._reconnect(self)

    def _send_commands(self, commands):
        answers = []
        with self.alock:
            for command in commands:
                self.socket.send((self.prefix + command + self.command_terminator).encode())
                answers.append(self._listen())
        return answers

    def _listen(self, blank_command=False):
        data = ''
        while not data.endswith(self.response_terminator):
            piece = self.socket.recv(1024)
            if not piece:
                raise ThrowReply('resource_error_no_response', 'it hung up')
            data += piece.decode(errors='replace')
        return data[: -len(self.response_terminator)]

    def on_get(self):
        return {'identity': self.send_to_device(['*IDN?']), 'echo': self.reply_echo_cmd}


class OwnWords(Entity):
    '''Talks to its service, which talks to the device.'''

    @calibrate([milli])
    def on_get(self):
        return self.service.send_to_device(['VOLT?'])

    def both(self):
        return self.service.send_to_device(['VOLT?', 'CURR?']).split(';')


class Limited(SimpleSCPIEntity):
    def __init__(self, highest=10, **kwargs):
        SimpleSCPIEntity.__init__(self, **kwargs)
        self.highest = highest

    def on_set(self, value):
        if float(value) > self.highest:
            raise ThrowReply('DriplineValueError', f'{self.cmd_base} is at most {self.highest}')
        return SimpleSCPIEntity.on_set(self, value)


class Setpoint(FormatEntity):
    '''Makes something of the value that the base class reads.'''

    @calibrate()
    def on_get(self):
        return 2 * float(FormatEntity.on_get(self)['value_raw'])

    def words(self):
        return [self._get_str, self._set_str, self._extract_raw_regex, self.evaluator('3 + 4')]
